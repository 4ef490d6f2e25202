using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents.Prompts;

/// <summary>Where a stretch of a prompt comes from.</summary>
internal sealed record Origin(string Source, bool Trusted, string? Author);

/// <summary>
/// Carries the origin of a value through the template engine: the value is wrapped in Unicode noncharacters (reserved for internal use; removed from the value itself). After rendering, every
/// wrapped stretch becomes inert text, a code span in a sentence or a fenced block by the filter <c>quote</c>, so that no template can forget to. What a filter cuts apart is refused.
/// </summary>
internal static partial class MarkedText
{
    private const char Inline = '\uFDD0';
    private const char Block = '\uFDD1';
    private const char End = '\uFDD2';
    private const char FirstOrigin = '\uFDD3';

    public static string Wrap(string value, int origin)
        => $"{Inline}{(char)(FirstOrigin + origin)}{Noncharacter().Replace(value, "\uFFFD").ReplaceLineEndings("\n")}{End}";

    /// <summary>Shows the value as a fenced block instead of a code span.</summary>
    public static string AsBlock(string value)
        => value.StartsWith(Inline) ? Block + value[1..] : throw new InvalidOperationException("'quote' takes a value of the work item, not text of the template.");

    /// <summary>Changes the value between its marks; text of the template itself has none.</summary>
    public static string Change(string value, Func<string, string> change)
        => value is [Inline or Block, _, .., End] ? value[..2] + change(value[2..^1]) + End : change(value);

    public static (string Text, IReadOnlyList<PromptPassageDto> Passages) Resolve(string rendered, IReadOnlyList<Origin> origins)
    {
        var text = new StringBuilder();
        var passages = new List<PromptPassageDto>();
        var own = new StringBuilder();
        var at = 0;
        foreach (Match mark in Marked().Matches(rendered))
        {
            own.Append(Own(rendered[at..mark.Index]));
            at = mark.Index + mark.Length;
            var value = mark.Groups["value"].Value;
            var (before, shown, after) = mark.Value[0] == Block ? Fence(value, own) : Span(value);
            own.Append(before);
            Flush();
            Add(origins[mark.Groups["origin"].Value[0] - FirstOrigin], shown);
            own.Append(after);
        }

        own.Append(Own(rendered[at..]));
        Flush();
        return (text.ToString(), passages);

        void Flush()
        {
            Add(s_template, own.ToString());
            own.Clear();
        }

        void Add(Origin origin, string shown)
        {
            if (shown.Length > 0)
            {
                text.Append(shown);
                passages.Add(new PromptPassageDto(origin.Source, origin.Trusted, origin.Author, shown, HiddenText.Reveal(shown)));
            }
        }
    }

    private static readonly Origin s_template = new("template", true, null);

    private static string Own(string text)
        => Noncharacter().IsMatch(text) ? throw new InvalidOperationException("a filter cut a value of the work item apart; use truncate, truncate_lines, bullets and quote.") : text;

    /// <summary>A fence is closed only by a line of at least as many backticks, so one more than any inside cannot be left from within.</summary>
    private static (string Before, string Shown, string After) Fence(string value, StringBuilder own)
    {
        var fence = new string('`', Math.Max(3, LongestRun(value) + 1));
        var newLine = own.Length == 0 || own[^1] == '\n' ? "" : "\n";
        return ($"{newLine}{fence}text\n", value.TrimEnd('\n'), $"\n{fence}");
    }

    private static (string Before, string Shown, string After) Span(string value)
    {
        var shown = HiddenText.RevealOnOneLine(value);
        var ticks = new string('`', LongestRun(shown) + 1);
        var pad = shown is "" or ['`', ..] or [.., '`'] ? " " : "";
        return (ticks + pad, shown, pad + ticks);
    }

    private static int LongestRun(string value) => Backticks().Matches(value).Select(m => m.Length).DefaultIfEmpty(0).Max();

    [GeneratedRegex("[\uFDD0-\uFDEF]")]
    private static partial Regex Noncharacter();

    [GeneratedRegex("[\uFDD0\uFDD1](?<origin>[\uFDD3-\uFDEF])(?<value>[^\uFDD0-\uFDEF]*)\uFDD2")]
    private static partial Regex Marked();

    [GeneratedRegex("`+")]
    private static partial Regex Backticks();
}
