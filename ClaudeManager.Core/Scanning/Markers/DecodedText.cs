using System.Text;
using System.Text.Unicode;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>
/// The bytes of a file as UTF-8 without byte order mark and with line feeds. UTF-16 is recognised by its mark or by where its zero bytes stand; what is
/// neither UTF-16 nor UTF-8 is read as Latin-1, in which every byte means something, so decoding cannot fail.
/// </summary>
internal static class DecodedText
{
    private const int ProbeLength = 256;

    public static bool LooksLikeUtf16(ReadOnlySpan<byte> content) => Utf16Of(content) is not null;

    /// <summary>The content itself where it is UTF-8 already; no copy is made then.</summary>
    public static ReadOnlySpan<byte> ToUtf8(ReadOnlySpan<byte> content)
    {
        if (Utf16Of(content) is { } encoding)
        {
            content = Encoding.UTF8.GetBytes(encoding.GetString(content));
        }
        else if (!Utf8.IsValid(content))
        {
            content = Encoding.UTF8.GetBytes(Encoding.Latin1.GetString(content));
        }

        if (content.StartsWith(Encoding.UTF8.Preamble))
        {
            content = content[Encoding.UTF8.Preamble.Length..];
        }

        if (content.Contains((byte)'\r') && !content.Contains((byte)'\n'))
        {
            var lines = content.ToArray();
            lines.AsSpan().Replace((byte)'\r', (byte)'\n');
            content = lines;
        }

        return content;
    }

    private static Encoding? Utf16Of(ReadOnlySpan<byte> content)
    {
        if (content.Length < 2)
        {
            return null;
        }

        switch (content[0], content[1])
        {
            case (0xFF, 0xFE):
                return Encoding.Unicode;
            case (0xFE, 0xFF):
                return Encoding.BigEndianUnicode;
            case ( > 0, > 0):
                // Source text begins with ASCII in practice; this keeps the test off the fast path.
                return null;
        }

        var probe = content[..Math.Min(ProbeLength, content.Length)];
        int even = 0, odd = 0;
        for (var index = 0; index + 1 < probe.Length; index += 2)
        {
            even += probe[index] == 0 ? 1 : 0;
            odd += probe[index + 1] == 0 ? 1 : 0;
        }

        var pairs = probe.Length / 2;
        return (even, odd) switch
        {
            (0, _) when odd * 10 >= pairs * 7 => Encoding.Unicode,
            (_, 0) when even * 10 >= pairs * 7 => Encoding.BigEndianUnicode,
            _ => null,
        };
    }
}
