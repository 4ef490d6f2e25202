using ClaudeManager.Cli.Output;

namespace ClaudeManager.Cli.Tests;

public sealed class PrintableTextTests
{
    [Theory]
    [InlineData("plain, ünïcode, 漢字, 🙂\n\tindented", "plain, ünïcode, 漢字, 🙂\n\tindented")]
    [InlineData("\u001b[2Jgone", "<U+001B>[2Jgone")]
    [InlineData("a\rb\u0007\u009b1m", "a<U+000D>b<U+0007><U+009B>1m")]
    [InlineData("if (\u202e admin)", "if (<U+202E> admin)")]
    [InlineData("\U000E0041tag", "<U+E0041>tag")]
    public void Of_TextFromElsewhere_CannotSteerTheTerminal(string text, string expected) => Assert.Equal(expected, PrintableText.Of(text));

    [Fact]
    public void Line_SeveralLines_BecomesOne() => Assert.Equal("a b c", PrintableText.Line("a\r\nb\tc"));
}
