using System.ComponentModel;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Core.Repositories;

/// <summary>
/// A git repository on this machine, opened for reading: what branch and commit a scan looks at. Nothing here touches its index, <c>HEAD</c> or working tree,
/// and nothing here runs a git command that would refresh the index.
/// </summary>
public sealed class LocalRepository
{
    private const string Heads = "refs/heads/";
    private const string OriginHead = "refs/remotes/origin/HEAD";
    private const string Origin = "refs/remotes/origin/";

    private LocalRepository(string path, string gitDirectory, string commonDirectory, bool isBare, bool isShallow, string branch, string commit)
        => (Path, GitDirectory, CommonDirectory, IsBare, IsShallow, Branch, Commit) = (path, gitDirectory, commonDirectory, isBare, isShallow, branch, commit);

    /// <summary>Absolute: the top of the working tree, or the git directory of a bare repository.</summary>
    public string Path { get; }

    /// <summary>Absolute; a linked worktree's own, with its own index.</summary>
    public string GitDirectory { get; }

    /// <summary>Absolute; what all worktrees of a repository share. The same as <see cref="GitDirectory"/> but in a linked worktree.</summary>
    public string CommonDirectory { get; }

    public bool IsBare { get; }

    /// <summary>History is cut: ages and authors beyond the cut are unknown.</summary>
    public bool IsShallow { get; }

    /// <summary>The branch asked for, else the default branch, without <c>refs/heads/</c>.</summary>
    public string Branch { get; }

    /// <summary>The branch's commit when the repository was opened.</summary>
    public string Commit { get; }

    /// <summary>What people call it: the last folder of its path.</summary>
    public string Name
    {
        get
        {
            var folder = System.IO.Path.GetFileName(Path);
            return IsBare && folder == ".git"
                ? System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(Path)!)
                : folder.EndsWith(".git", StringComparison.Ordinal) && folder.Length > 4 ? folder[..^4] : folder;
        }
    }

    /// <summary>Opens the repository <paramref name="path"/> lies in and finds its branch: <paramref name="branch"/>, else <c>origin/HEAD</c>, <c>HEAD</c>'s branch, <c>main</c>, <c>master</c>.</summary>
    public static async Task<Outcome<LocalRepository>> OpenAsync(string path, string? branch, CancellationToken ct)
    {
        if (string.IsNullOrWhiteSpace(path) || path.Contains('\0', StringComparison.Ordinal))
        {
            return Refuse(ErrorCodes.PathMissing, "No path is given, or it is none.", "Give the folder of a local git repository.");
        }

        var full = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(full))
        {
            return File.Exists(full)
                ? Refuse(ErrorCodes.NotADirectory, $"'{full}' is a file.", "Give the folder of a git repository.")
                : Refuse(ErrorCodes.NotFound, $"'{full}' does not exist.", "Check the path; it must be a folder on the machine the server runs on.");
        }

        GitResult about;
        try
        {
            about = await GitCommand.TryAsync(full, ["rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--is-shallow-repository", "--absolute-git-dir"], ct).ConfigureAwait(false);
        }
        catch (Win32Exception)
        {
            return new Refusal(RefusalKind.Unavailable, ErrorCodes.GitMissing, "git could not be started.", "Install git 2.31 or newer and make sure it is on PATH.");
        }

        if (about.ExitCode != 0)
        {
            return about.Error.Contains("not a git repository", StringComparison.Ordinal)
                ? Refuse(ErrorCodes.NotARepository, $"'{full}' is not in a git repository.", "Give a folder that holds one, or run 'git init' and make a first commit.")
                : Refuse(ErrorCodes.Unreadable, $"git cannot read '{full}': {about.Error}", "Run 'git status' there and repair what it reports.");
        }

        // A path may hold a newline, so it comes last.
        var answers = about.Text.Split('\n', 4);
        var (isBare, inTree, isShallow, gitDirectory) = (answers[0] == "true", answers[1] == "true", answers[2] == "true", answers[3]);
        if (!isBare && !inTree)
        {
            return Refuse(ErrorCodes.InsideGitDirectory, $"'{full}' is inside a git directory.", "Give the folder of the working tree.");
        }

        var top = isBare ? gitDirectory : (await GitCommand.RunAsync(full, ["rev-parse", "--show-toplevel"], ct).ConfigureAwait(false)).Text;
        if (!isBare && await IsMissingSubmoduleAsync(full, ct).ConfigureAwait(false))
        {
            return Refuse(ErrorCodes.SubmoduleNotInitialised, $"'{full}' is a submodule that is not checked out.", "Run 'git submodule update --init' for it, or give the repository above it.");
        }

        var tip = await FindTipAsync(top, branch, ct).ConfigureAwait(false);
        if (tip.Refusal is not null)
        {
            return tip.Refusal;
        }

        var common = System.IO.Path.Combine(gitDirectory, "commondir");
        var commonDirectory = File.Exists(common) ? System.IO.Path.GetFullPath((await File.ReadAllTextAsync(common, ct).ConfigureAwait(false)).Trim(), gitDirectory) : gitDirectory;
        return new LocalRepository(top, gitDirectory, commonDirectory, isBare, isShallow, tip.Value!.Branch, tip.Value.Commit);
    }

    /// <summary>git answers for the repository above when a submodule's folder is empty; the person meant the submodule.</summary>
    private static async Task<bool> IsMissingSubmoduleAsync(string path, CancellationToken ct)
    {
        var prefix = await GitCommand.TryAsync(path, ["rev-parse", "--show-prefix"], ct).ConfigureAwait(false);
        if (prefix.ExitCode != 0 || prefix.Text.Length == 0)
        {
            return false;
        }

        var entry = await GitCommand.TryAsync(path, ["ls-tree", "--full-tree", "-z", "HEAD", "--", prefix.Text.TrimEnd('/')], ct).ConfigureAwait(false);
        return entry.ExitCode == 0 && entry.Text.StartsWith("160000 ", StringComparison.Ordinal);
    }

    private static async Task<Outcome<Tip>> FindTipAsync(string top, string? branch, CancellationToken ct)
    {
        if (branch is not null)
        {
            var named = await ReadReferencesAsync(top, [Heads + branch, Origin + branch], ct).ConfigureAwait(false);
            return TipOf(branch, named) is { } asked
                ? asked
                : Refuse(ErrorCodes.BranchNotFound, $"'{top}' has no branch '{branch}'.", "List the branches with 'git branch --all' and name one of them by --branch.", field: "branch");
        }

        var head = await GitCommand.TryAsync(top, ["symbolic-ref", "--quiet", "HEAD"], ct).ConfigureAwait(false);
        var current = head.ExitCode == 0 && head.Text.StartsWith(Heads, StringComparison.Ordinal) ? head.Text[Heads.Length..] : null;
        string[] usual = [.. current is null ? [] : new[] { current }, "main", "master"];
        var references = await ReadReferencesAsync(top, [OriginHead, .. usual.Select(name => Heads + name)], ct).ConfigureAwait(false);
        if (references.TryGetValue(OriginHead, out var remote) && remote.Target.StartsWith(Origin, StringComparison.Ordinal))
        {
            var name = remote.Target[Origin.Length..];
            var both = await ReadReferencesAsync(top, [Heads + name, Origin + name], ct).ConfigureAwait(false);
            if (TipOf(name, both) is { } tip)
            {
                return tip;
            }
        }

        if (usual.Select(name => TipOf(name, references)).FirstOrDefault(tip => tip is not null) is { } found)
        {
            return found;
        }

        var any = await GitCommand.RunAsync(top, ["for-each-ref", "--count=1", "refs/heads", "refs/remotes"], ct).ConfigureAwait(false);
        return any.Output.Length == 0 && current is not null
            ? Refuse(ErrorCodes.NoCommits, $"'{top}' has no commits yet.", "Make a first commit; only committed files are scanned.")
            : Refuse(ErrorCodes.NoDefaultBranch, $"'{top}' has no origin/HEAD, no branch checked out, and no branch main or master.", "Name the branch by --branch.", field: "branch");
    }

    /// <summary>The local branch, else what was last fetched of it.</summary>
    private static Tip? TipOf(string branch, Dictionary<string, Reference> references)
        => references.TryGetValue(Heads + branch, out var local) ? new Tip(branch, local.Commit)
            : references.TryGetValue(Origin + branch, out var fetched) ? new Tip(branch, fetched.Commit)
            : null;

    private static async Task<Dictionary<string, Reference>> ReadReferencesAsync(string top, string[] names, CancellationToken ct)
    {
        var listed = await GitCommand.RunAsync(top, ["for-each-ref", "--format=%(refname) %(objecttype) %(objectname) %(symref)", .. names], ct).ConfigureAwait(false);
        var found = new Dictionary<string, Reference>();
        foreach (var line in listed.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // for-each-ref takes patterns; only the very names asked for count.
            var fields = line.Split(' ');
            if (fields[1] == "commit" && names.Contains(fields[0]))
            {
                found.Add(fields[0], new Reference(fields[2], fields[3]));
            }
        }

        return found;
    }

    private static Refusal Refuse(ErrorCode code, string message, string fix, string field = "path") => new(RefusalKind.Invalid, code, message, fix, field);

    private sealed record Tip(string Branch, string Commit);

    private sealed record Reference(string Commit, string Target);
}
