namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>Reads the references of a bare repository from its files: a hundred repositories in one answer would be a hundred git processes otherwise.</summary>
internal sealed class GitRefs(string gitDirectory)
{
    public string? Read(string name)
    {
        // A name with .. would leave the directory; git refuses such names too.
        if (name.Contains("..", StringComparison.Ordinal) || Path.IsPathRooted(name))
        {
            return null;
        }

        var loose = Path.Combine(gitDirectory, name);
        return File.Exists(loose) ? File.ReadAllText(loose).Trim() : Packed().FirstOrDefault(r => r.Name == name).Sha;
    }

    /// <summary>All whose full name begins so, in order.</summary>
    public IReadOnlyList<(string Name, string Sha)> List(string prefix)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, sha) in Packed())
        {
            all[name] = sha;
        }

        var refs = Path.Combine(gitDirectory, "refs");
        if (Directory.Exists(refs))
        {
            foreach (var file in Directory.EnumerateFiles(refs, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal)))
            {
                all[Path.GetRelativePath(gitDirectory, file)] = File.ReadAllText(file).Trim();
            }
        }

        return [.. all.Where(r => r.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(r => (r.Key, r.Value))];
    }

    private IEnumerable<(string Name, string Sha)> Packed()
    {
        var file = Path.Combine(gitDirectory, "packed-refs");
        if (!File.Exists(file))
        {
            yield break;
        }

        foreach (var line in File.ReadLines(file))
        {
            if (line is not ['#' or '^', ..] && line.Split(' ', 2) is [var sha, var name])
            {
                yield return (name, sha);
            }
        }
    }
}
