using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Tests.Agents.Workspaces;

/// <summary>A source repository with one commit, and a store to make workspaces of it.</summary>
internal sealed class Ground : IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cm-workspaces-").FullName;

    public Ground()
    {
        Data = new DataDirectory(Path.Combine(_root, "data"));
        Store = new WorkspaceStore(Data, TimeProvider.System);
        Source = Path.Combine(_root, "source");
    }

    public string Root => _root;

    public DataDirectory Data { get; }

    public WorkspaceStore Store { get; }

    public string Source { get; }

    /// <summary>Set where the test is done: proof that a planted program ran.</summary>
    public string Proof => Path.Combine(_root, "planted-program-ran");

    public string PlantedProgram { get; private set; } = "";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Commits files to the source repository, which is made on the first call. Returns the commit.</summary>
    public async Task<string> CommitAsync(params (string Path, string Content)[] files)
    {
        if (!Directory.Exists(Source))
        {
            Directory.CreateDirectory(Source);
            await GitAsync(Source, "init", "-q", "-b", "main");
            PlantedProgram = Path.Combine(_root, "planted.sh");
            await File.WriteAllTextAsync(PlantedProgram, $"#!/bin/sh\ntouch {Proof}\ncat 2>/dev/null\n", Ct);
            await GitAsync(Source, "config", "uploadpack.allowAnySHA1InWant", "false");
            using var chmod = Process.Start("chmod", ["+x", PlantedProgram]);
            await chmod.WaitForExitAsync(Ct);
        }

        foreach (var (path, content) in files)
        {
            Write(Source, path, content);
        }

        await GitAsync(Source, "add", "-A", "-f");
        await GitAsync(Source, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "change");
        return await GitAsync(Source, "rev-parse", "HEAD");
    }

    public Task<Workspace> PrepareAsync(string baseCommit, long runId = 1, string? wip = null) => Store.PrepareAsync(runId, 5, Source, baseCommit, wip, Ct);

    public Task<Snapshot> SnapshotAsync(Workspace workspace) => Store.SnapshotAsync(workspace, "wip", Ct);

    public static void Write(string directory, string path, string content)
    {
        var full = Path.Combine(directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
    }

    public static async Task<string> GitAsync(string directory, params string[] arguments) => (await GitCommand.RunAsync(directory, arguments, Ct)).Text;

    /// <summary>Runs a script in a directory as an agent would: with all that git allows.</summary>
    public static async Task ScriptAsync(string directory, string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-ec", script]) { WorkingDirectory = directory, RedirectStandardError = true })!;
        var error = await shell.StandardError.ReadToEndAsync(Ct);
        await shell.WaitForExitAsync(Ct);
        Assert.True(shell.ExitCode == 0, string.Create(CultureInfo.InvariantCulture, $"{script}: {shell.ExitCode} {error}"));
    }

    /// <summary>Mode, path and first line of each entry of a tree of the store.</summary>
    public async Task<Dictionary<string, string>> TreeAsync(string tree)
    {
        var entries = (await GitAsync(Data.ObjectStore(5), "ls-tree", "-r", "-z", tree)).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        return entries.Select(entry => entry.Split('\t', 2)).ToDictionary(parts => parts[1], parts => parts[0].Split(' ')[0]);
    }

    public Task<string> ContentAsync(string tree, string path) => GitAsync(Data.ObjectStore(5), "cat-file", "blob", $"{tree}:{path}");

    public ValueTask DisposeAsync() => new(AgentDirectory.RemoveAsync(_root, CancellationToken.None));
}
