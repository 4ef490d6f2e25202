using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Tests.Scanning.Markers;

/// <summary>The result of one scan with everything explained.</summary>
internal sealed record Scanned(string? Reason, IReadOnlyList<Occurrence> Found, IReadOnlyList<MarkerExplanation> Explained)
{
    private static readonly BlobScanner s_default = new(new MarkerSet(new AnalyzerConfiguration().TodoPatterns));

    public IEnumerable<string> Texts => Found.Select(occurrence => occurrence.Text);

    public static Scanned From(string path, string source) => From(path, Encoding.UTF8.GetBytes(source));

    public static Scanned From(string path, byte[] content, BlobScanner? scanner = null)
    {
        List<Occurrence> found = [];
        List<MarkerExplanation> explained = [];
        var reason = (scanner ?? s_default).Scan(content, path, found, explained);
        return new Scanned(reason, found, explained);
    }
}
