using System.Diagnostics;

namespace ClaudeManager.Core.Agents.Workspaces;

/// <summary>What has to be done to directories an agent wrote, whatever modes and depths it left.</summary>
internal static class AgentDirectory
{
    /// <summary>By the system's own tool, which walks by descriptor: names need not be text, paths may be longer than a path may be, and no link is followed.</summary>
    public static async Task RemoveAsync(string directory, CancellationToken ct)
    {
        string[] arguments = ["-rf", "--", directory];
        if (!Path.Exists(directory) || await RunAsync("rm", arguments, ct).ConfigureAwait(false) is null)
        {
            return;
        }

        await OpenUpAsync(directory, ct).ConfigureAwait(false);
        if (await RunAsync("rm", arguments, ct).ConfigureAwait(false) is { } error)
        {
            throw new IOException($"{directory} could not be removed: {error}");
        }
    }

    /// <summary>Gives the owner back what the agent took away.</summary>
    public static Task OpenUpAsync(string directory, CancellationToken ct) => RunAsync("chmod", ["-R", "u+rwX", "--", directory], ct);

    /// <returns>What it complained of; null when it did its work.</returns>
    private static async Task<string?> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync(ct).ConfigureAwait(false);
        await process.WaitForExitAsync(ct).ConfigureAwait(false);
        return process.ExitCode == 0 ? null : error.Trim();
    }
}
