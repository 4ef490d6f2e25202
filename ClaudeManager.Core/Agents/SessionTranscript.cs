using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Agents;

/// <summary>
/// An agent's session file (one JSON value a line) on its way into the store and out of it again: without what looks like a secret, compressed. The file is the agent's, which may be working:
/// it may be a link, a pipe, or half written.
/// </summary>
internal static class SessionTranscript
{
    /// <returns>The content; or what is in the way of it; or neither, when there is no such file.</returns>
    public static async Task<(byte[]? Content, string? Problem)> ReadAsync(string path, Redactor redactor, long maxBytes, CancellationToken ct)
    {
        // tar opens neither a link nor a pipe, which a check of our own before opening could not promise.
        using var process = Process.Start(new ProcessStartInfo("tar", ["-cf", "-", "-C", Path.GetDirectoryName(path)!, Path.GetFileName(path)]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            await using var archive = new TarReader(process.StandardOutput.BaseStream);
            var entry = await archive.GetNextEntryAsync(copyData: false, ct).ConfigureAwait(false);
            if (entry is not { EntryType: TarEntryType.RegularFile or TarEntryType.V7RegularFile, DataStream: { } data })
            {
                return (null, null);
            }

            if (entry.Length > maxBytes)
            {
                return (null, string.Create(CultureInfo.InvariantCulture, $"The agent's session has {entry.Length / (1024 * 1024)} MB, more than the {maxBytes / (1024 * 1024)} MB left for it: it is kept on this machine only."));
            }

            using var content = new MemoryStream();
            using (var compressed = new BrotliStream(content, CompressionLevel.Fastest, leaveOpen: true))
            {
                using var reader = new StreamReader(data);
                while (await reader.ReadLineAsync(ct).ConfigureAwait(false) is { } line)
                {
                    var clean = redactor.Redact(line);
                    if (IsJson(clean))
                    {
                        compressed.Write(Encoding.UTF8.GetBytes(clean + "\n"));
                    }
                }
            }

            return (content.ToArray(), null);
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>Puts a session where the agent looks for it. Its folders must be nobody's but ours.</summary>
    public static async Task WriteAsync(string path, byte[] content, CancellationToken ct)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var compressed = new BrotliStream(new MemoryStream(content), CompressionMode.Decompress);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        await compressed.CopyToAsync(file, ct).ConfigureAwait(false);
    }

    /// <summary>The last line may be half written, and the agent may have written anything.</summary>
    private static bool IsJson(string line)
    {
        try
        {
            using var parsed = JsonDocument.Parse(line);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
