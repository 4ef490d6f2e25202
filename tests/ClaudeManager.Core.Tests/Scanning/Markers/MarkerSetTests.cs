using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;

namespace ClaudeManager.Core.Tests.Scanning.Markers;

public sealed class MarkerSetTests
{
    [Theory]
    [InlineData("TODO: x", "TODO")]
    [InlineData("TODO x", "TODO")]
    [InlineData("TODO", "TODO")]
    [InlineData("(TODO)", "TODO")]
    [InlineData("TODO(alice): x", "TODO")]
    [InlineData("FIXME, x", "FIXME")]
    [InlineData("HACK: x", "HACK")]
    [InlineData("HACK(#12): x", "HACK")]
    [InlineData("HACK[#12]: x", "HACK")]
    [InlineData("BUG: x", "BUG")]
    [InlineData("待办TODO修复", "TODO")]
    [InlineData("mastodon")]
    [InlineData("TODOS")]
    [InlineData("TODO_LIST")]
    [InlineData("AUTODO: x")]
    [InlineData("DEBUG: x")]
    [InlineData("HACK x")]
    [InlineData("HACK (alice) x")]
    [InlineData("BUGS: x")]
    [InlineData("todo: x")]
    [InlineData("Todo x")]
    public void Scan_DefaultMarkers_MatchAsWrittenAndAsWholeWords(string comment, string? marker = null)
    {
        var scanned = Scanned.From("a.cs", "// " + comment);

        Assert.Equal(marker is null ? [] : [marker], scanned.Found.Select(occurrence => occurrence.Marker));
    }

    [Theory]
    [InlineData("// DEBUG: x", "BUG", "not_a_word")]
    [InlineData("// TODOS", "TODO", "not_a_word")]
    [InlineData("var TODO = 1;", "TODO", "in_code")]
    [InlineData("var x = \"TODO: y\";", "TODO", "in_string")]
    [InlineData("// TODO: see the FIXME", "FIXME", "part_of_finding")]
    public void Scan_HitThatIsNoFinding_SaysWhy(string source, string marker, string verdict)
    {
        var explained = Scanned.From("a.cs", source).Explained;

        Assert.Contains(explained, hit => hit.Marker == marker && hit.Verdict == verdict && hit.Line == 1 && hit.Text == source);
    }

    [Theory]
    [InlineData("@todo", "// @todo x", 1)]
    [InlineData("@todo", "// a@todo x", 1)]
    [InlineData("@todo", "// @todos", 0)]
    [InlineData("!", "// a!b", 1)]
    [InlineData("X", "// X XX", 1)]
    [InlineData("待办", "// 这里待办一下", 1)]
    [InlineData("NOTE TO SELF:", "// NOTE TO SELF: x", 1)]
    public void Scan_OperatorsOwnMarkers_MatchAsWritten(string pattern, string source, int expected)
        => Assert.Equal(expected, Scanned.From("a.cs", Encoding.UTF8.GetBytes(source), new BlobScanner(new MarkerSet([pattern]))).Found.Count);

    [Fact]
    public void RulesVersion_OtherMarkers_Differs()
    {
        var one = new BlobScanner(new MarkerSet(["TODO"]));
        var other = new BlobScanner(new MarkerSet(["FIXME"]));

        Assert.NotEqual(one.RulesVersion, other.RulesVersion);
        Assert.Equal(one.RulesVersion, new BlobScanner(new MarkerSet(["TODO"])).RulesVersion);
    }

    [Fact]
    public void IndexOf_AnyWordsInAnyText_AgreesWithPlainSearch()
    {
        // A small alphabet, so that words, near misses and overlaps are frequent; lengths cross the vector width.
        var word = Gen.Char["abAB:"].Array[1, 5].Select(characters => Encoding.ASCII.GetBytes(characters));
        Gen.Select(word.Array[1, 12], Gen.Char["abAB: "].Array[0, 200]).Check((words, characters) =>
        {
            var text = Encoding.ASCII.GetBytes(characters);
            var search = new MultiSearch(words);
            for (int start = 0, expected; ; start = expected + 1)
            {
                expected = Enumerable.Range(start, text.Length - start).FirstOrDefault(position => words.Any(candidate => text.AsSpan(position).StartsWith(candidate)), -1);
                Assert.Equal(expected, search.IndexOf(text, start));
                if (expected < 0)
                {
                    return;
                }
            }
        });
    }

    [Fact]
    public void MightContain_EveryWordOfTheConfiguration_IsSeenAtAnyOffset()
    {
        var patterns = new AnalyzerConfiguration().TodoPatterns;
        var scanner = new BlobScanner(new MarkerSet(patterns));
        foreach (var pattern in patterns)
        {
            for (var before = 0; before < 80; before++)
            {
                Assert.True(scanner.MightContain(Encoding.ASCII.GetBytes(new string(' ', before) + pattern)));
                Assert.False(scanner.MightContain(Encoding.ASCII.GetBytes(new string(' ', before) + pattern[..^1] + "_")));
            }
        }
    }
}
