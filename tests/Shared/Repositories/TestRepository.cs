using System.Globalization;
using System.Text;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Tests.Shared.Repositories;

/// <summary>
/// A real git repository in a temporary folder, gone when disposed. Changes of files chain; <see cref="CommitAsync"/> takes everything in the working tree.
/// Commits are dated one minute apart from a fixed day, so that the same steps make the same commit ids.
/// </summary>
public sealed class TestRepository : IAsyncDisposable
{
    private static readonly DateTimeOffset s_firstCommit = new(2026, 1, 5, 9, 0, 0, TimeSpan.Zero);

    private readonly TemporaryDirectory _directory;
    private int _commits;

    private TestRepository(TemporaryDirectory directory, string path) => (_directory, Path) = (directory, path);

    /// <summary>Top of the working tree, or the bare repository itself.</summary>
    public string Path { get; }

    /// <summary>An initialised repository on branch <c>main</c> without a commit.</summary>
    public static async Task<TestRepository> CreateAsync(CancellationToken ct, string name = "project", string branch = "main", string objectFormat = "sha1", bool bare = false)
    {
        var directory = new TemporaryDirectory();
        try
        {
            var repository = new TestRepository(directory, System.IO.Path.Combine(directory.Path, name));
            await GitCommand.RunAsync(directory.Path, ["init", "--quiet", "--initial-branch=" + branch, "--object-format=" + objectFormat, .. bare ? new[] { "--bare" } : [], repository.Path], ct).ConfigureAwait(false);
            return repository;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>A repository with one commit of these files.</summary>
    public static async Task<TestRepository> CreateAsync(CancellationToken ct, params (string Path, string Content)[] files)
    {
        var repository = await CreateAsync(ct).ConfigureAwait(false);
        foreach (var (path, content) in files)
        {
            repository.Write(path, content);
        }

        await repository.CommitAsync("First", ct).ConfigureAwait(false);
        return repository;
    }

    public TestRepository Write(string path, string content) => Write(path, Encoding.UTF8.GetBytes(content));

    public TestRepository Write(string path, byte[] content)
    {
        var full = Full(path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content);
        return this;
    }

    public string Read(string path) => File.ReadAllText(Full(path));

    public TestRepository Delete(string path)
    {
        File.Delete(Full(path));
        return this;
    }

    public TestRepository Move(string from, string to)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Full(to))!);
        File.Move(Full(from), Full(to));
        return this;
    }

    public TestRepository Link(string path, string target)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Full(path))!);
        File.CreateSymbolicLink(Full(path), target);
        return this;
    }

    /// <summary>Commits the whole working tree (an unchanged one too) and returns the commit id.</summary>
    public async Task<string> CommitAsync(string message, CancellationToken ct)
    {
        await GitAsync(ct, "add", "--all").ConfigureAwait(false);
        await GitAsync(ct, "commit", "--quiet", "--allow-empty", "--message", message).ConfigureAwait(false);
        return await HeadAsync(ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Commits a tree of raw entries on top of <paramref name="branch"/>, past the working tree: names that no file system or shell would take, submodules, modes at will.
    /// </summary>
    public async Task<string> CommitRawAsync(CancellationToken ct, string branch = "main", params (string Mode, byte[] Name, byte[] Content)[] entries)
    {
        using var tree = new MemoryStream();
        foreach (var (mode, name, content) in entries)
        {
            // A submodule's "content" is the commit it stands at.
            var id = mode == "160000"
                ? Encoding.ASCII.GetString(content)
                : (await GitCommand.RunAsync(Path, ["hash-object", "-w", "--stdin"], ct, content).ConfigureAwait(false)).Text;
            tree.Write(Encoding.ASCII.GetBytes($"{mode} {(mode == "160000" ? "commit" : "blob")} {id}\t"));
            tree.Write(name);
            tree.WriteByte(0);
        }

        var made = await GitCommand.RunAsync(Path, ["mktree", "-z", "--missing"], ct, tree.ToArray()).ConfigureAwait(false);
        var parent = await GitCommand.TryAsync(Path, ["rev-parse", "--quiet", "--verify", "refs/heads/" + branch], ct).ConfigureAwait(false);
        var commit = await GitAsync(ct, ["commit-tree", made.Text, .. parent.ExitCode == 0 ? new[] { "-p", parent.Text } : [], "-m", "Raw"]).ConfigureAwait(false);
        await GitAsync(ct, "update-ref", "refs/heads/" + branch, commit).ConfigureAwait(false);
        return commit;
    }

    public Task<string> HeadAsync(CancellationToken ct) => GitAsync(ct, "rev-parse", "HEAD");

    /// <summary>Runs any git command here, as an author with a name, and returns its output.</summary>
    public async Task<string> GitAsync(CancellationToken ct, params string[] arguments)
    {
        var at = s_firstCommit.AddMinutes(arguments[0].StartsWith("commit", StringComparison.Ordinal) ? ++_commits : _commits).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture) + " +0000";
        var result = await GitCommand.RunAsync(Path, ["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", .. arguments], ct, environment: new Dictionary<string, string>
        {
            ["GIT_AUTHOR_NAME"] = "Ada Author",
            ["GIT_AUTHOR_EMAIL"] = "ada@example.org",
            ["GIT_AUTHOR_DATE"] = at,
            ["GIT_COMMITTER_NAME"] = "Ada Author",
            ["GIT_COMMITTER_EMAIL"] = "ada@example.org",
            ["GIT_COMMITTER_DATE"] = at,
        }).ConfigureAwait(false);
        return result.Text;
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Full(string path) => System.IO.Path.Combine(Path, path);
}
