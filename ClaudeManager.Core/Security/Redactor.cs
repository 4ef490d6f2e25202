using System.Buffers;
using System.Text;
using System.Text.Json;

namespace ClaudeManager.Core.Security;

/// <summary>
/// Takes secrets out of text that is kept or shown: exact values of every known secret, also in the forms they travel in (base64 at any alignment, percent-encoded, JSON-escaped), and
/// whatever looks like one (<see cref="SecretPatterns"/>). Linear in the text, also in hostile text.
/// </summary>
public sealed class Redactor
{
    internal const string Mask = "***";

    // A shorter value occurs in ordinary text; replacing it everywhere would hide more than it protects.
    private const int MinimumLength = 8;

    // A line of a multi-line secret (PEM) counts on its own from here on, because writers split text at lines.
    private const int MinimumLineLength = 16;

    private readonly Lock _lock = new();
    private volatile Known _known = new([]);

    /// <summary>Makes an exact value known; from then on it is replaced wherever it appears. Values under 8 characters are not learnt.</summary>
    public void Learn(SecretString secret)
    {
        var forms = Forms(secret.Reveal().Trim()).ToList();
        if (forms.Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            _known = new Known([.. _known.Forms.Concat(forms).Distinct(StringComparer.Ordinal)]);
        }
    }

    public string Redact(string text)
    {
        var secrets = Find(text);
        return secrets.Count == 0 ? text : Replace(text, secrets);
    }

    /// <summary>For text that comes in pieces, so that a secret split over two of them is still caught.</summary>
    public StreamRedaction OpenStream() => new(this);

    /// <summary>Every secret in the text, in order, none overlapping another.</summary>
    internal IReadOnlyList<SecretMatch> Find(string text)
    {
        var known = _known.Find(text);
        var patterns = SecretPatterns.Find(text);
        if (known.Count == 0)
        {
            return patterns;
        }

        var merged = new List<SecretMatch>(known.Count + patterns.Count);
        foreach (var match in known.Concat(patterns).OrderBy(m => m.Start))
        {
            if (merged.Count > 0 && match.Start < merged[^1].End)
            {
                merged[^1] = merged[^1] with { Length = Math.Max(merged[^1].End, match.End) - merged[^1].Start };
            }
            else
            {
                merged.Add(match);
            }
        }

        return merged;
    }

    internal static string Replace(string text, IReadOnlyList<SecretMatch> secrets)
    {
        var result = new StringBuilder(text.Length);
        var from = 0;
        foreach (var secret in secrets)
        {
            result.Append(text, from, secret.Start - from).Append(Mask);
            from = secret.End;
        }

        return result.Append(text, from, text.Length - from).ToString();
    }

    private static IEnumerable<string> Forms(string value)
    {
        if (value.Length < MinimumLength)
        {
            yield break;
        }

        yield return value;
        foreach (var line in value.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (line.Length >= MinimumLineLength && line.Length < value.Length)
            {
                yield return line;
            }
        }

        yield return Uri.EscapeDataString(value);
        yield return JsonEncodedText.Encode(value).ToString();
        for (var offset = 0; offset < 3; offset++)
        {
            var form = Base64At(value, offset);
            if (form.Length >= MinimumLength)
            {
                yield return form;
                yield return form.Replace('+', '-').Replace('/', '_');
            }
        }
    }

    /// <summary>The characters of a base64 text that depend on <paramref name="value"/> alone when <paramref name="offset"/> (mod 3) other bytes stand before it and anything after it.</summary>
    private static string Base64At(string value, int offset)
    {
        byte[] bytes = [.. new byte[offset], .. Encoding.UTF8.GetBytes(value)];
        var first = (offset * 8 + 5) / 6;
        return Convert.ToBase64String(bytes)[first..(bytes.Length * 8 / 6)];
    }

    private sealed class Known(string[] forms)
    {
        private readonly SearchValues<string>? _search = forms.Length == 0 ? null : SearchValues.Create(forms, StringComparison.Ordinal);
        private readonly string[] _longestFirst = [.. forms.OrderByDescending(f => f.Length)];

        public string[] Forms => forms;

        public List<SecretMatch> Find(string text)
        {
            var found = new List<SecretMatch>();
            if (_search is null)
            {
                return found;
            }

            var from = 0;
            while (text.AsSpan(from).IndexOfAny(_search) is var index && index >= 0)
            {
                var start = from + index;
                var length = _longestFirst.First(form => text.AsSpan(start).StartsWith(form, StringComparison.Ordinal)).Length;
                found.Add(new SecretMatch("known secret", start, length));
                from = start + length;
            }

            return found;
        }
    }
}
