using System.Text;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Agents.Workspaces;

internal sealed record ChangesTaken(IReadOnlyList<string> NestedGit, IReadOnlyList<string> Skipped);

/// <summary>
/// Brings our index of a workspace up to date with its files. git lists and hashes (by its stat cache, so only what changed is read), but what goes in is decided here, path by path:
/// <c>git add</c> would run <c>git status</c> inside submodules, record nested repositories as links, and fail as a whole on one bad file.
/// </summary>
/// <param name="git">Runs git with our git directory and our index, and the workspace as work tree (first argument <c>""</c>) or a folder of it with an empty index.</param>
internal sealed class WorkspaceChanges(string directory, Func<string, IReadOnlyList<string>, byte[]?, CancellationToken, Task<GitResult>> git)
{
    /// <summary>Larger files are no source code; taking one would fill the disk twice.</summary>
    public const long MaxFileBytes = 100 * 1024 * 1024;

    /// <summary>More bad paths than this is an attack or a broken disk, not a state to save.</summary>
    private const int MaxRetries = 200;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SortedSet<string> _nested = new(StringComparer.Ordinal);
    private readonly List<string> _skipped = [];
    private readonly Dictionary<string, bool> _behindLink = new(StringComparer.Ordinal) { [""] = false };
    private readonly List<byte[]> _take = [];
    private readonly List<byte[]> _remove = [];
    private bool _openedUp;

    public async Task<ChangesTaken> UpdateIndexAsync(CancellationToken ct)
    {
        var listed = await ListAsync("", ["ls-files", "-z", "--others", "--exclude-standard", "--modified"], ct).ConfigureAwait(false);
        var links = await SubmodulesAsync(listed, ct).ConfigureAwait(false);
        foreach (var path in listed)
        {
            await ClassifyAsync(path, links, ct).ConfigureAwait(false);
        }

        if (_remove.Count > 0)
        {
            Check(await git("", ["update-index", "-z", "--force-remove", "--stdin"], Join(_remove), ct).ConfigureAwait(false));
        }

        await TakeAsync(ct).ConfigureAwait(false);
        return new ChangesTaken([.. _nested], _skipped);
    }

    private async Task ClassifyAsync(byte[] path, IReadOnlySet<string> submodules, CancellationToken ct)
    {
        if (TextOrNull(path) is not { } text)
        {
            // A name that is no text cannot be looked at from here; git can take it.
            _take.Add(path);
            return;
        }

        if (text.EndsWith('/'))
        {
            await TakeNestedAsync(text, ct).ConfigureAwait(false);
            return;
        }

        if (submodules.Contains(text))
        {
            return;
        }

        NoteNestedGit(text);
        var full = Path.Combine(directory, text);
        var file = new FileInfo(full);
        if (IsBehindLink(Path.GetDirectoryName(text)!) || (file.LinkTarget is null && Directory.Exists(full)))
        {
            _remove.Add(path);
        }
        else if (file is { LinkTarget: null, Exists: true, Length: > MaxFileBytes })
        {
            _skipped.Add($"{text}: {file.Length / (1024 * 1024)} MB is more than {MaxFileBytes / (1024 * 1024)} MB");
        }
        else
        {
            _take.Add(path);
        }
    }

    /// <summary>The agent made a repository in a new folder: its files are work like any other, listed with the folder as root so that its <c>.git</c> is passed over.</summary>
    private async Task TakeNestedAsync(string folder, CancellationToken ct)
    {
        _nested.Add(folder.TrimEnd('/'));
        var prefix = Encoding.UTF8.GetBytes(folder);
        foreach (var path in await ListAsync(folder, ["ls-files", "-z", "--others", "--exclude-standard"], ct).ConfigureAwait(false))
        {
            await ClassifyAsync([.. prefix, .. path], new HashSet<string>(), ct).ConfigureAwait(false);
        }
    }

    /// <summary>The folders of submodules, which stay as they are in the base. Listed only when there can be any.</summary>
    private async Task<IReadOnlySet<string>> SubmodulesAsync(IReadOnlyList<byte[]> listed, CancellationToken ct)
    {
        if (!File.Exists(Path.Combine(directory, ".gitmodules")) && !listed.Any(path => TextOrNull(path) is { } text && !text.EndsWith('/') && Directory.Exists(Path.Combine(directory, text))))
        {
            return new HashSet<string>();
        }

        var entries = await ListAsync("", ["ls-files", "-z", "--stage"], ct).ConfigureAwait(false);
        var submodules = entries.Where(entry => entry.AsSpan().StartsWith("160000 "u8))
            .Select(entry => TextOrNull(entry[(Array.IndexOf(entry, (byte)'\t') + 1)..])).OfType<string>().ToHashSet(StringComparer.Ordinal);
        _nested.UnionWith(submodules.Where(path => Directory.Exists(Path.Combine(directory, path)) && Directory.EnumerateFileSystemEntries(Path.Combine(directory, path)).Any()));
        return submodules;
    }

    private async Task TakeAsync(CancellationToken ct)
    {
        var retries = 0;
        while (_take.Count > 0)
        {
            var result = await git("", ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"], Join(_take), ct).ConfigureAwait(false);
            if (await OpenUpAsync(result, ct).ConfigureAwait(false))
            {
                continue;
            }

            const string Bad = "fatal: Unable to process path ";
            var at = result.Error.LastIndexOf(Bad, StringComparison.Ordinal);
            if (result.ExitCode == 0 || at < 0 || ++retries > MaxRetries)
            {
                Check(result);
                return;
            }

            // All or nothing is git's way; ours is all but the bad ones: a pipe or a device where a file was, or one that cannot be read.
            var bad = result.Error[(at + Bad.Length)..];
            var known = _take.FindIndex(path => Encoding.UTF8.GetString(path) == bad);
            if (known < 0)
            {
                Check(result);
            }

            _skipped.Add($"{bad}: {result.Error[..at].Trim()}");
            _take.RemoveAt(known);
        }
    }

    private async Task<IReadOnlyList<byte[]>> ListAsync(string folder, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var result = await git(folder, arguments, null, ct).ConfigureAwait(false);
        if (await OpenUpAsync(result, ct).ConfigureAwait(false))
        {
            result = await git(folder, arguments, null, ct).ConfigureAwait(false);
        }

        Check(result);
        var paths = new List<byte[]>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var range in result.Output.AsSpan().Split((byte)0))
        {
            var path = result.Output[range];
            if (path.Length > 0 && seen.Add(Encoding.Latin1.GetString(path)))
            {
                paths.Add(path);
            }
        }

        return paths;
    }

    /// <summary>True when git was refused something that only the modes the agent set forbid: then they have been put right, once.</summary>
    private async Task<bool> OpenUpAsync(GitResult result, CancellationToken ct)
    {
        if (_openedUp || !result.Error.Contains("Permission denied", StringComparison.Ordinal))
        {
            return false;
        }

        await AgentDirectory.OpenUpAsync(directory, ct).ConfigureAwait(false);
        return _openedUp = true;
    }

    private void NoteNestedGit(string path)
    {
        for (var folder = Path.GetDirectoryName(path); folder is { Length: > 0 } && !_nested.Contains(folder); folder = Path.GetDirectoryName(folder))
        {
            if (Path.Exists(Path.Combine(directory, folder, ".git")))
            {
                _nested.Add(folder);
            }
        }
    }

    private bool IsBehindLink(string folder)
    {
        if (!_behindLink.TryGetValue(folder, out var behind))
        {
            behind = IsBehindLink(Path.GetDirectoryName(folder)!) || new DirectoryInfo(Path.Combine(directory, folder)).LinkTarget is not null;
            _behindLink[folder] = behind;
        }

        return behind;
    }

    private static string? TextOrNull(byte[] path)
    {
        try
        {
            return s_strict.GetString(path);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static byte[] Join(IReadOnlyCollection<byte[]> paths)
    {
        using var joined = new MemoryStream();
        foreach (var path in paths)
        {
            joined.Write(path);
            joined.WriteByte(0);
        }

        return joined.ToArray();
    }

    private static void Check(GitResult result)
    {
        if (result.ExitCode != 0)
        {
            throw new GitException("on a workspace", result.ExitCode, result.Error);
        }
    }
}
