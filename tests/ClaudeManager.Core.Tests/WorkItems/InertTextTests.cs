using System.Text.RegularExpressions;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;

namespace ClaudeManager.Core.Tests.WorkItems;

public sealed partial class InertTextTests
{
    private static readonly Gen<string> s_hostile = Gen.OneOf(((string[])[
        "`", "``", "```", "````", "\n", "\r\n", " ", "~~~", "@everyone", "#1", "<script>", "\u202e", "\u0000", "\u001b[2J", "\ud83d\ude00", "\ud83d", "a"]).Select(Gen.Const).ToArray()).Array[0, 40].Select(string.Concat);

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("two\nlines\tand\u0000more", "two lines and more")]
    [InlineData("  spaced   out  ", "spaced out")]
    [InlineData("user\u202Egnp.exe\u200B", "usergnp.exe")]
    [InlineData("\u001b[2Jgone", "[2Jgone")]
    public void Title_Text_IsOneVisibleLine(string text, string expected) => Assert.Equal(expected, InertText.Title(text));

    [Fact]
    public void Title_TooLong_IsCutBetweenCharacters()
    {
        Assert.Equal("abc…", InertText.Title("abcdef", 4));
        Assert.Equal("ab…", InertText.Title("ab\ud83d\ude00def", 4));
        Assert.Equal("ab\ud83d\ude00", InertText.Title("ab\ud83d\ude00", 4));
    }

    [Theory]
    [InlineData("@everyone #1 <script>", "`@everyone #1 <script>`")]
    [InlineData("a ` b", "``a ` b``")]
    [InlineData("`x`", "`` `x` ``")]
    [InlineData("```", "```` ``` ````")]
    [InlineData("x\n\n# heading", "`x # heading`")]
    public void Code_Text_IsOneSpan(string text, string expected) => Assert.Equal(expected, InertText.Code(text));

    [Theory]
    [InlineData("@everyone\n$(rm -rf /)", "```\n@everyone\n$(rm -rf /)\n```")]
    [InlineData("a\n```\n@everyone", "````\na\n```\n@everyone\n````")]
    [InlineData("a\n\n\n", "```\na\n```")]
    public void Fence_Text_IsOneBlock(string text, string expected) => Assert.Equal(expected, InertText.Fence(text));

    [Fact]
    public void Title_AnyText_HasNoControlsAndStaysInItsBounds() => s_hostile.Check(text =>
    {
        var title = InertText.Title(text, 20);

        Assert.InRange(title.Length, 0, 20);
        Assert.DoesNotContain(title, char.IsControl);
        Assert.DoesNotContain(title, c => char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.Format);
    }, 2_000);

    [Fact]
    public void CodeAndFence_AnyText_CannotBeClosedFromInside() => s_hostile.Check(text =>
    {
        // CommonMark: a span is closed by the next run of exactly as many backticks, a block by the next line of at least as many.
        var span = InertText.Code(text);
        var fence = Backticks().Match(span).Value;
        Assert.True(span.Length == 2 || Backticks().Matches(span).Count(run => run.Length == fence.Length) == 2, span);

        var block = InertText.Fence(text);
        var lines = block.Split('\n', '\r');
        Assert.Equal(2, lines.Count(line => line.TrimStart(' ').StartsWith(lines[0], StringComparison.Ordinal)));
    }, 2_000);

    [GeneratedRegex("`+")]
    private static partial Regex Backticks();
}
