using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Repositories;

/// <summary>
/// A small repository made on the spot, with comments that ask for work and tests of its own, and an agent for it that needs no model and no key:
/// so that anybody sees the whole path at once. It only needs what a POSIX system has (<c>sh</c>, <c>sed</c>, <c>awk</c>).
/// </summary>
public static class SampleRepository
{
    /// <summary>Name of <see cref="Agent"/> among <c>executor.commands</c>.</summary>
    public const string AgentName = "sample";

    private const string Files = "Sample/";

    /// <summary>Plays a command agent: reads the prompt on standard input and does the task it names, for real. The program is an argument, so no file of ours need be visible in the sandbox.</summary>
    public static CommandAgentConfiguration Agent { get; } = new()
    {
        Program = "sh",
        Args = ["-c", Read("sample-agent.sh"), "sample-agent"],
        Timeout = TimeSpan.FromMinutes(1),
    };

    /// <summary>The repository's tests, as verify commands.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Verify { get; } = [["sh", "tests/run.sh"]];

    /// <summary>Makes the repository with its one commit on <c>main</c>; one that is there stays as it is.</summary>
    public static async Task CreateAsync(string path, CancellationToken ct)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        // Made beside and moved in one step: what is found at the path is whole.
        var making = path + ".new";
        if (Directory.Exists(making))
        {
            Directory.Delete(making, recursive: true);
        }

        Directory.CreateDirectory(making);
        foreach (var name in typeof(SampleRepository).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Files, StringComparison.Ordinal)))
        {
            var file = Path.Combine(making, name[Files.Length..]);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, Read(name), ct).ConfigureAwait(false);
        }

        await GitCommand.RunAsync(making, ["init", "--quiet", "--initial-branch=main"], ct).ConfigureAwait(false);
        await GitCommand.RunAsync(making, ["add", "--all"], ct).ConfigureAwait(false);
        await GitCommand.RunAsync(making, ["-c", "user.name=Claude Manager sample", "-c", "user.email=sample@localhost", "commit", "--quiet", "--message=Sample repository"], ct).ConfigureAwait(false);
        Directory.Move(making, path);
    }

    private static string Read(string resource)
    {
        using var stream = typeof(SampleRepository).Assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"Resource '{resource}' is missing.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
