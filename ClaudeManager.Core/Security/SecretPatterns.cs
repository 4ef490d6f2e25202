using System.Buffers;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.Security;

/// <summary>A secret found by its shape: where it stands, never what it is.</summary>
internal readonly record struct SecretMatch(string Kind, int Start, int Length)
{
    public int End => Start + Length;
}

/// <summary>
/// What secrets look like. One list for everything that must not let one through: the redactor and the diff gate. Character classes are greedy and lengths open, because providers lengthen
/// their tokens without notice; every expression is <see cref="RegexOptions.NonBacktracking"/>, so hostile text costs linear time.
/// </summary>
internal static class SecretPatterns
{
    private const string PemEnd = "-----END ";

    // A private key longer than this is no key: without the bound one stray header would swallow the rest of a text.
    private const int PemMaxLength = 64 * 1024;

    // Start of a token: not in the middle of a word ("laughs_..."), but after "_", which joins words in names.
    private const string Start = "(?:^|[^A-Za-z0-9])";

    private static readonly Pattern[] s_patterns =
    [
        new("GitHub token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], Start + @"(?<v>gh[pousr]_[A-Za-z0-9_.\-]{20,})", IsTokenLike),
        new("GitHub token", ["github_pat_"], Start + @"(?<v>github_pat_[A-Za-z0-9_]{20,})", IsTokenLike),
        new("GitLab token", ["gl"], Start + @"(?<v>gl(?:pat|ptt|rt|dt|cbt|soat|ft|imt|agent|oas)-[A-Za-z0-9_.\-]{16,})", IsTokenLike),
        new("Anthropic key", ["sk-ant-"], Start + @"(?<v>sk-ant-[A-Za-z0-9_\-]{10,})"),
        new("API key", ["sk-"], Start + @"(?<v>sk-[A-Za-z0-9_\-]{20,})", IsTokenLike),
        new("Stripe key", ["k_live_", "k_test_"], Start + @"(?<v>[rs]k_(?:live|test)_[A-Za-z0-9]{16,})"),
        new("AWS access key", ["AKIA", "ASIA", "ABIA", "ACCA"], Start + "(?<v>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,})"),
        new("Google key", ["AIza", "GOCSPX-", "ya29."], Start + @"(?<v>(?:AIza|GOCSPX-|ya29\.)[A-Za-z0-9_.\-]{20,})", IsTokenLike),
        new("Azure key", ["AccountKey", "SharedAccess"], @"(?i:AccountKey|SharedAccessKey|SharedAccessSignature)=(?<v>[A-Za-z0-9+/=%]{20,})"),
        new("Azure SAS signature", ["sig="], @"[?&;]sig=(?<v>[A-Za-z0-9+/=%\-_]{30,})"),
        new("Azure client secret", ["Q~"], Start + @"(?<v>[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{30,})"),
        new("Slack token", ["xox"], Start + @"(?<v>xox[a-z]-[A-Za-z0-9\-]{10,})", IsTokenLike),
        new("Slack webhook", ["hooks.slack.com"], @"hooks\.slack\.com/services/(?<v>[A-Za-z0-9/]{20,})"),
        new("npm token", ["npm_"], Start + "(?<v>npm_[A-Za-z0-9]{30,})"),
        new("PyPI token", ["pypi-"], Start + @"(?<v>pypi-[A-Za-z0-9_\-]{30,})", IsTokenLike),
        new("JSON Web Token", ["eyJ"], Start + @"(?<v>eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_.\-]*)"),
        new("password in a URL", ["://"], @"://[^\s/:@""'<>`]*:(?<v>[^\s/@""'<>`]{3,})@", IsNoPlaceholder),
        new("token in a URL", ["://"], @"://(?<v>[^\s/:@""'<>`]{20,})@", IsTokenLike),
        new("authorization header", ["bearer", "basic"], @"\b(?i:bearer|basic)[ \t]+(?<v>[A-Za-z0-9+/=_.~\-]{16,})", IsRandom),
        new(
            "assigned secret",
            ["secret", "token", "passw", "passphrase", "pwd", "key", "credential"],
            @"(?i:secret|token|passw(?:or)?d|passphrase|pwd|api[_\-]?key|access[_\-]?key|account[_\-]?key|private[_\-]?key|signing[_\-]?key|encryption[_\-]?key|credential|auth[_\-]?key)"
            + @"[A-Za-z0-9_\-]{0,24}[""'`]?[ \t]*(?::=|=>|[:=])[ \t]*[""'`]?(?<v>[A-Za-z0-9+/=_.~!#$%^&*\-]{16,})",
            IsRandom),
    ];

    private static readonly Regex s_pemHeader = new(
        "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>Every secret in <paramref name="text"/>, in order, none overlapping another.</summary>
    public static IReadOnlyList<SecretMatch> Find(string text)
    {
        var found = new List<SecretMatch>();
        AddPrivateKeys(text, found);
        foreach (var pattern in s_patterns.Where(p => p.MayMatch(text)))
        {
            for (var match = pattern.Expression.Match(text); match.Success; match = match.NextMatch())
            {
                var value = match.Groups["v"];
                if (pattern.Plausible?.Invoke(value.ValueSpan) != false)
                {
                    found.Add(new SecretMatch(pattern.Kind, value.Index, value.Length));
                }
            }
        }

        return found.Count < 2 ? found : Merge(found);
    }

    private static void AddPrivateKeys(string text, List<SecretMatch> found)
    {
        int from;
        var noEnd = false;
        for (var header = s_pemHeader.Match(text); header.Success; header = s_pemHeader.Match(text, from))
        {
            var body = header.Index + header.Length;
            var end = -1;
            if (!noEnd)
            {
                end = text.IndexOf(PemEnd, body, Math.Min(PemMaxLength, text.Length - body), StringComparison.Ordinal);
                noEnd = end < 0 && text.Length - body <= PemMaxLength;
            }

            if (end >= 0)
            {
                // To the end of the closing line's dashes, where it has them.
                var dashes = text.IndexOf("-----", end + PemEnd.Length, Math.Min(64, text.Length - end - PemEnd.Length), StringComparison.Ordinal);
                end = dashes < 0 ? end + PemEnd.Length : dashes + 5;
            }
            else
            {
                // The end was cut off: everything that can be key material.
                end = body;
                while (end < text.Length && end - body < PemMaxLength && (char.IsAsciiLetterOrDigit(text[end]) || "+/=\r\n\t \\".Contains(text[end], StringComparison.Ordinal)))
                {
                    end++;
                }
            }

            found.Add(new SecretMatch("private key", header.Index, end - header.Index));
            from = end;
        }
    }

    private static List<SecretMatch> Merge(List<SecretMatch> found)
    {
        var merged = new List<SecretMatch>(found.Count);

        // The list's order is the order of preference among patterns; a stable sort keeps the more telling name for one place.
        foreach (var match in found.OrderBy(m => m.Start))
        {
            if (merged.Count > 0 && match.Start < merged[^1].End)
            {
                var last = merged[^1];
                merged[^1] = last with { Length = Math.Max(last.End, match.End) - last.Start };
            }
            else
            {
                merged.Add(match);
            }
        }

        return merged;
    }

    /// <summary>Tells a token from a name that only begins like one (<c>ghs_token_is_removed</c>): tokens have digits, or are one solid run.</summary>
    private static bool IsTokenLike(ReadOnlySpan<char> value)
        => value.ContainsAnyInRange('0', '9') || !value[Math.Min(value.Length, value.IndexOfAny('_', '-') + 1)..].ContainsAny("_.-");

    private static bool IsNoPlaceholder(ReadOnlySpan<char> value)
        => value[0] is not ('$' or '{' or '%' or '[') && value.ContainsAnyExcept("*xX.");

    /// <summary>A random string, not a name, a path of names or a sentence: some digits, letters too, and more than 3 bits in each character.</summary>
    private static bool IsRandom(ReadOnlySpan<char> value)
    {
        if (!IsNoPlaceholder(value))
        {
            return false;
        }

        var digits = 0;
        var letters = 0;
        Span<int> counts = stackalloc int[128];
        foreach (var c in value)
        {
            digits += char.IsAsciiDigit(c) ? 1 : 0;
            letters += char.IsAsciiLetter(c) ? 1 : 0;
            counts[c & 127]++;
        }

        if (digits < 2 || letters < 2)
        {
            return false;
        }

        var entropy = 0.0;
        foreach (var count in counts)
        {
            if (count > 0)
            {
                var p = (double)count / value.Length;
                entropy -= p * Math.Log2(p);
            }
        }

        return entropy > 3;
    }

    private delegate bool Check(ReadOnlySpan<char> value);

    /// <param name="signs">Every match contains one of them, in whatever letter case. Looking for them costs next to nothing, so text without any of them never meets the expression.</param>
    private sealed class Pattern(string kind, string[] signs, string expression, Check? plausible = null)
    {
        private readonly SearchValues<string> _signs = SearchValues.Create(signs, StringComparison.OrdinalIgnoreCase);

        public string Kind => kind;

        public Regex Expression { get; } = new(expression, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

        public Check? Plausible => plausible;

        public bool MayMatch(string text) => text.AsSpan().ContainsAny(_signs);
    }
}
