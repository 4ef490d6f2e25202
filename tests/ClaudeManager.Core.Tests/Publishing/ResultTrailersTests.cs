using ClaudeManager.Core.Publishing;

namespace ClaudeManager.Core.Tests.Publishing;

public sealed class ResultTrailersTests
{
    private static readonly ResultTrailers s_trailers = new(7, 42, "0123456789012345678901234567890123456789");

    [Fact]
    public void Message_Title_IsOneBoundedLineFollowedByTrailers()
        => Assert.Equal(
            "Fix the parser\n\nClaude-Manager-Item: 7\nClaude-Manager-Run: 42\nClaude-Manager-Base: 0123456789012345678901234567890123456789\nSigned-off-by: A <a@b>\n",
            s_trailers.Message("Fix\r\n\tthe \u202eparser\0", "A <a@b>"));

    [Fact]
    public void Message_LongTitle_IsCutAtAWord()
    {
        var subject = s_trailers.Message(string.Join(' ', Enumerable.Repeat("word", 40))).Split('\n')[0];
        Assert.InRange(subject.Length, 60, 73);
        Assert.EndsWith("word…", subject, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_LongTitleWithoutSpaces_IsNotCutInsideACharacter()
    {
        var subject = s_trailers.Message("a" + string.Concat(Enumerable.Repeat("😀", 100))).Split('\n')[0];
        Assert.DoesNotContain('\uFFFD', System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(subject)));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n ")]
    public void Message_NoTitle_StillHasASubject(string title) => Assert.StartsWith("Work\n\n", s_trailers.Message(title), StringComparison.Ordinal);

    [Fact]
    public void AreIn_EveryTrailerMustFit()
    {
        const string Trailers = "Claude-Manager-Item: 7\nClaude-Manager-Run: 42\nClaude-Manager-Base: 0123456789012345678901234567890123456789\n";
        Assert.True(s_trailers.AreIn(Trailers));
        Assert.False((s_trailers with { RunId = 4 }).AreIn(Trailers));
        Assert.False((s_trailers with { WorkItemId = 70 }).AreIn(Trailers));
        Assert.False((s_trailers with { BaseCommit = "0" }).AreIn(Trailers));
    }
}
