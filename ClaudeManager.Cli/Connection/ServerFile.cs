using System.Diagnostics;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Connection;

/// <summary>What <c>server.json</c> in a data directory says: the process that owns it and where it answers.</summary>
/// <param name="StartedAt">Start of the process: a pid alone may since belong to another.</param>
internal sealed record ServerFile(int Pid, DateTimeOffset StartedAt, Uri Url)
{
    // Two processes work the start time out from the clock ticks since boot, and round it differently.
    private static readonly TimeSpan s_rounding = TimeSpan.FromSeconds(2);

    public static ServerFile OfThisProcess(Uri url)
    {
        using var self = Process.GetCurrentProcess();
        return new ServerFile(self.Id, self.StartTime.ToUniversalTime(), url);
    }

    /// <summary>Puts it in place whole: a reader sees the old file or the new one.</summary>
    public async Task WriteAsync(DataDirectory data, CancellationToken ct)
    {
        var draft = data.ServerFile + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using (var stream = new FileStream(draft, options))
        {
            await JsonSerializer.SerializeAsync(stream, this, ManagerJson.Options, ct).ConfigureAwait(false);
        }

        File.Move(draft, data.ServerFile, overwrite: true);
    }

    /// <summary>The server of a data directory if its process lives; what a killed one left behind is nothing.</summary>
    public static async Task<ServerFile?> FindLiveAsync(DataDirectory data, CancellationToken ct)
    {
        ServerFile? file;
        try
        {
            await using var stream = File.OpenRead(data.ServerFile);
            file = await JsonSerializer.DeserializeAsync<ServerFile>(stream, ManagerJson.Options, ct).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }

        return file is not null && file.ProcessLives() ? file : null;
    }

    private bool ProcessLives()
    {
        try
        {
            using var process = Process.GetProcessById(Pid);
            return (process.StartTime.ToUniversalTime() - StartedAt).Duration() < s_rounding;
        }
        catch (Exception fault) when (fault is ArgumentException or InvalidOperationException)
        {
            return false; // no such process, or it ended while we looked
        }
    }
}
