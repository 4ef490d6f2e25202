using System.Diagnostics;

namespace ClaudeManager.Core.Agents.Workspaces;

/// <summary>What has to be done to directories an agent wrote, whatever modes and depths it left.</summary>
internal static class AgentDirectory
{
    public static async Task RemoveAsync(string directory, CancellationToken ct)
    {
        try
        {
            if (Directory.Exists(directory))
            {
                await Task.Run(() => Directory.Delete(directory, recursive: true), ct).ConfigureAwait(false);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // Folders without write permission, or paths longer than a path may be: the system's own tools walk by descriptor and follow no links.
            await OpenUpAsync(directory, ct).ConfigureAwait(false);
            var error = await RunAsync("rm", ["-rf", "--", directory], ct).ConfigureAwait(false);
            if (Directory.Exists(directory))
            {
                throw new IOException($"{directory} could not be removed: {error}", refused);
            }
        }
    }

    /// <summary>Gives the owner back what the agent took away.</summary>
    public static Task OpenUpAsync(string directory, CancellationToken ct) => RunAsync("chmod", ["-R", "u+rwX", "--", directory], ct);

    private static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync(ct).ConfigureAwait(false);
        await process.WaitForExitAsync(ct).ConfigureAwait(false);
        return error.Trim();
    }
}
