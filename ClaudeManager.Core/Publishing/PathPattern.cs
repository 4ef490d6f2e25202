using System.Text;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.Publishing;

/// <summary>
/// A glob over repository paths: <c>*</c> and <c>?</c> stay within one folder, <c>**</c> crosses folders. Without <c>/</c> it is matched against the file name, with one against the whole path.
/// Letter case does not count, because on some file systems it does not count for git either.
/// </summary>
public sealed class PathPattern
{
    private readonly Regex _expression;
    private readonly bool _nameOnly;

    public PathPattern(string glob)
    {
        Glob = glob;
        _nameOnly = !glob.Contains('/', StringComparison.Ordinal);
        var expression = new StringBuilder(@"\A");
        var rest = glob.AsSpan().TrimStart('/');
        while (!rest.IsEmpty)
        {
            var (length, part) = rest switch
            {
                ['*', '*', '/', ..] => (3, "(?:.*/)?"),
                ['*', '*', ..] => (2, ".*"),
                ['*', ..] => (1, "[^/]*"),
                ['?', ..] => (1, "[^/]"),
                _ => (1, Regex.Escape(rest[..1].ToString())),
            };
            expression.Append(part);
            rest = rest[length..];
        }

        _expression = new Regex(expression.Append(@"\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant);
    }

    public string Glob { get; }

    public bool Matches(string path) => _expression.IsMatch(_nameOnly ? path[(path.LastIndexOf('/') + 1)..] : path);
}
