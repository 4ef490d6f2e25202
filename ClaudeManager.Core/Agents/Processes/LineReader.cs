using System.Globalization;
using System.Text;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>
/// Cuts a byte stream into lines. Bytes that are not UTF-8 become U+FFFD; what exceeds the longest line is dropped and said so, so that no output can exhaust memory;
/// a last line without newline counts.
/// </summary>
internal sealed class LineReader(Stream stream, int maxLineBytes) : IDisposable
{
    private readonly MemoryStream _line = new();
    private long _dropped;

    public async Task ReadAsync(Func<string, ValueTask> onLine, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, ct).ConfigureAwait(false)) > 0)
        {
            var rest = buffer.AsMemory(0, read);
            int newline;
            while ((newline = rest.Span.IndexOf((byte)'\n')) >= 0)
            {
                Append(rest.Span[..newline]);
                rest = rest[(newline + 1)..];
                await onLine(Take()).ConfigureAwait(false);
            }

            Append(rest.Span);
        }

        if (_line.Length > 0)
        {
            await onLine(Take()).ConfigureAwait(false);
        }
    }

    public void Dispose() => _line.Dispose();

    private void Append(ReadOnlySpan<byte> bytes)
    {
        var fitting = (int)Math.Min(bytes.Length, maxLineBytes - _line.Length);
        _line.Write(bytes[..fitting]);
        _dropped += bytes.Length - fitting;
    }

    private string Take()
    {
        var bytes = _line.GetBuffer().AsSpan(0, (int)_line.Length);
        var text = Encoding.UTF8.GetString(bytes.EndsWith("\r"u8) ? bytes[..^1] : bytes);
        if (_dropped > 0)
        {
            text += string.Create(CultureInfo.InvariantCulture, $" … [{_dropped} bytes of this line were dropped]");
        }

        _dropped = 0;
        _line.SetLength(0);
        if (_line.Capacity > 1024 * 1024)
        {
            _line.Capacity = 0;
        }

        return text;
    }
}
