namespace ClaudeManager.Core.Agents.Workspaces;

/// <summary>Writes empty git directories. Cheaper than <c>git init</c>, without a template's hooks, and with nothing in them that we did not put there.</summary>
internal static class GitSkeleton
{
    /// <summary>Contents are taken byte for byte but for line ends: a file that does not fit the encoding an agent's <c>.gitattributes</c> claims would make git refuse the whole tree.</summary>
    private const string Attributes = "* -working-tree-encoding\n";

    /// <summary>A bare repository; it appears complete or not at all.</summary>
    public static void CreateStore(string directory, string anyCommit)
    {
        var draft = directory + "." + Path.GetRandomFileName();
        Create(draft, "refs/heads/none", Config(anyCommit, "\tbare = true\n\tcompression = 1\n\tbigFileThreshold = 16m\n"));
        try
        {
            Directory.Move(draft, directory);
        }
        catch (IOException) when (Directory.Exists(directory))
        {
            // Somebody else was quicker.
            Directory.Delete(draft, recursive: true);
        }
    }

    /// <summary>A repository with a work tree, on <paramref name="branch"/> at <paramref name="head"/>, whose history ends there. Returns its git directory.</summary>
    public static string CreateWorkspace(string directory, string branch, string head)
    {
        var gitDirectory = Path.Combine(directory, ".git");
        Create(gitDirectory, "refs/heads/" + branch, Config(head, "\tbare = false\n\tlogallrefupdates = true\n[user]\n\tname = Agent\n\temail = agent@localhost\n"));
        var reference = Path.Combine(gitDirectory, "refs", "heads", branch);
        Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
        File.WriteAllText(reference, head + "\n");
        File.WriteAllText(Path.Combine(gitDirectory, "shallow"), head + "\n");
        return gitDirectory;
    }

    private static void Create(string directory, string head, string config)
    {
        Directory.CreateDirectory(Path.Combine(directory, "objects", "pack"));
        Directory.CreateDirectory(Path.Combine(directory, "refs", "heads"));
        Directory.CreateDirectory(Path.Combine(directory, "info"));
        File.WriteAllText(Path.Combine(directory, "HEAD"), $"ref: {head}\n");
        File.WriteAllText(Path.Combine(directory, "config"), config);
        File.WriteAllText(Path.Combine(directory, "info", "attributes"), Attributes);
    }

    private static string Config(string commit, string rest) =>
        (commit.Length == 64 ? "[extensions]\n\tobjectformat = sha256\n[core]\n\trepositoryformatversion = 1\n" : "[core]\n\trepositoryformatversion = 0\n") + "\tfilemode = true\n" + rest;
}
