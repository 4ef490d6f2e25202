using ClaudeManager.Web.Components.Pages.Runs;
using ClaudeManager.Web.Services;

namespace ClaudeManager.Web.Tests;

public sealed class TextTests
{
    private const string Patch = "--- a/f\n+++ b/f\n@@ -10,4 +10,5 @@ class C\n a\n-b\n-c\n+B\n+C\n+D\n e\n\\ No newline at end of file\n@@ -90 +91 @@\n-x\n+--y\n";

    [Fact]
    public void Parse_TwoHunks_NumbersBothSides()
    {
        var lines = PatchText.Parse(Patch);

        Assert.Equal(
            [
                (PatchLineKind.Hunk, null, null, "@@ -10,4 +10,5 @@ class C"),
                (PatchLineKind.Context, 10, 10, "a"),
                (PatchLineKind.Removed, 11, null, "b"),
                (PatchLineKind.Removed, 12, null, "c"),
                (PatchLineKind.Added, null, 11, "B"),
                (PatchLineKind.Added, null, 12, "C"),
                (PatchLineKind.Added, null, 13, "D"),
                (PatchLineKind.Context, 13, 14, "e"),
                (PatchLineKind.Context, null, null, "\\ No newline at end of file"),
                (PatchLineKind.Hunk, null, null, "@@ -90 +91 @@"),
                (PatchLineKind.Removed, 90, (int?)null, "x"),
                (PatchLineKind.Added, (int?)null, 91, "--y"),
            ],
            lines.Select(line => (line.Kind, line.Old, line.New, line.Text)));
    }

    [Fact]
    public void Pair_MoreAddedThanRemoved_PutsReplacementsSideBySide()
    {
        var pairs = PatchText.Pair(PatchText.Parse(Patch)).Select(pair => (pair.Left?.Text, pair.Right?.Text));

        Assert.Equal(
            [
                ("@@ -10,4 +10,5 @@ class C", "@@ -10,4 +10,5 @@ class C"), ("a", "a"), ("b", "B"), ("c", "C"), (null, "D"), ("e", "e"),
                ("\\ No newline at end of file", "\\ No newline at end of file"), ("@@ -90 +91 @@", "@@ -90 +91 @@"), ("x", "--y"),
            ],
            pairs);
    }

    [Theory]
    [InlineData("plain\ttext\r\nwith `$(x)` & <b> äö 漢字 🙂", "plain\ttext\r\nwith `$(x)` & <b> äö 漢字 🙂")]
    [InlineData("if (admin\u202E) {\u2066", "if (admin⟨U+202E⟩) {⟨U+2066⟩")]
    [InlineData("zero\u200Bwidth\u001b[31m\0", "zero⟨U+200B⟩width⟨U+001B⟩[31m⟨U+0000⟩")]
    [InlineData("line\u2028separator", "line⟨U+2028⟩separator")]
    public void Text_HiddenCharacters_AreSpelledOut(string text, string expected) => Assert.Equal(expected, Visible.Text(text));

    [Theory]
    [InlineData(0, "0:00", "0 s")]
    [InlineData(59.9, "0:59", "59 s")]
    [InlineData(61, "1:01", "1 min")]
    [InlineData(3725, "1:02:05", "1 h")]
    [InlineData(176_400, "49:00:00", "2 d")]
    public void Durations_Seconds_ReadAsAPersonSaysThem(double seconds, string clock, string rough)
    {
        Assert.Equal(clock, Durations.Clock(TimeSpan.FromSeconds(seconds)));
        Assert.Equal(rough, Durations.Rough(TimeSpan.FromSeconds(seconds)));
    }
}
