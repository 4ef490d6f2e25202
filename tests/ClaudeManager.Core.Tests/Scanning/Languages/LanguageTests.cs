using System.Text;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Tests.Scanning.Languages;

public sealed class LanguageTests
{
    private static readonly BlobScanner s_scanner = new(new MarkerSet(["TODO:"]));

    public static TheoryData<string, bool> Samples()
    {
        var data = new TheoryData<string, bool>();
        foreach (var (path, _) in LanguageSamples.All)
        {
            data.Add(path, false);
            data.Add(path, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Scan_LanguageSample_FindsWhatIsInCommentsOnly(string path, bool windowsLines)
    {
        var source = LanguageSamples.All.Single(sample => sample.Path == path).Source;
        var expected = Lines(source, "TODO: yes");
        var unexpected = Lines(source, "TODO: no");
        var content = Encoding.UTF8.GetBytes(windowsLines ? source.Replace("\n", "\r\n", StringComparison.Ordinal) : source);
        List<Occurrence> found = [];
        List<MarkerExplanation> explained = [];

        var reason = s_scanner.Scan(content, path, found, explained);

        Assert.Null(reason);
        var hits = explained.Select(hit => (hit.Line, Kind: hit.Verdict is Verdicts.Finding or Verdicts.PartOfFinding ? "yes" : "no")).ToList();
        Assert.Equal(expected.Select(line => (line, "yes")).Concat(unexpected.Select(line => (line, "no"))).Order(), hits.Order());
        Assert.All(found, occurrence => Assert.StartsWith("yes", occurrence.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Scan_CallWithoutExplanations_FindsTheSame()
    {
        foreach (var (path, source) in LanguageSamples.All)
        {
            List<Occurrence> explained = [];
            List<Occurrence> plain = [];
            s_scanner.Scan(Encoding.UTF8.GetBytes(source), path, explained, []);
            s_scanner.Scan(Encoding.UTF8.GetBytes(source), path, plain, null);

            Assert.Equal(explained, plain);
            Assert.True(s_scanner.MightContain(Encoding.UTF8.GetBytes(source)));
        }
    }

    private static IEnumerable<int> Lines(string source, string text)
        => source.Split('\n').SelectMany((line, index) => Enumerable.Repeat(index + 1, line.Split(text).Length - 1));
}
