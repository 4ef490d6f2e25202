using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Tests.Scanning;

public sealed class FindingTrackerTests
{
    private const string Scanner = "todo-comments";
    private static readonly DateTimeOffset s_now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly List<FindingEntity> _known = [];

    [Fact]
    public void Match_LinesMoved_IsTheSameFinding()
    {
        var first = Assert.Single(Scan(At("a.c", 3, "free the buffer", "near")).New);

        var matches = Scan(At("a.c", 90, "free the buffer", "near"));

        Assert.Empty(matches.New);
        Assert.Empty(matches.Gone);
        Assert.Equal((first.Fingerprint, 90), (Assert.Single(matches.Seen).Known.Fingerprint, _known[0].Line));
    }

    [Fact]
    public void Match_SurroundingsRewritten_IsTheSameFinding()
    {
        Scan(At("a.c", 3, "free the buffer", "near", "main"));

        Assert.Single(Scan(At("a.c", 5, "free the buffer", "other", "start")).Seen);
    }

    [Fact]
    public void Match_FileRenamed_IsTheSameFinding()
    {
        Scan(At("a.c", 3, "free", "near"));

        var matches = Scan(["a.c", "b.c"], new() { ["b.c"] = "a.c" }, At("b.c", 3, "free", "other"));

        Assert.Single(matches.Seen);
        Assert.Empty(matches.Gone);
        Assert.Equal("b.c", _known[0].Path);
    }

    [Fact]
    public void Match_MovedToAnotherFileGitDidNotSee_IsTheSameFindingIfItsTextIsTelling()
    {
        Scan(At("a.c", 3, "release the buffer when the reader is done", "near"), At("a.c", 9, "later", "far"));

        var matches = Scan(At("b.c", 30, "release the buffer when the reader is done", "elsewhere"), At("b.c", 40, "later", "nowhere"));

        Assert.Equal("release the buffer when the reader is done", Assert.Single(matches.Seen).Known.Text);
        Assert.Equal("later", Assert.Single(matches.Gone).Text);
        Assert.Equal("later", Assert.Single(matches.New).Now.Occurrence.Text);
    }

    [Fact]
    public void Match_SameTextTwiceInAFile_AreTwoFindings()
    {
        var matches = Scan(At("a.c", 3, "free", "near"), At("a.c", 9, "free", "near"));

        Assert.Equal(2, matches.New.Select(n => n.Fingerprint).Distinct().Count());
        Assert.Equal(2, Scan(At("a.c", 3, "free", "near"), At("a.c", 9, "free", "near")).Seen.Count);
    }

    [Fact]
    public void Match_OneOfTwoEqualTextsRemoved_TheOtherStaysItself()
    {
        Scan(At("a.c", 3, "free", "one"), At("a.c", 9, "free", "two"));
        var second = _known.Single(f => f.Line == 9).Fingerprint;

        var matches = Scan(At("a.c", 3, "free", "two"));

        Assert.Equal(second, Assert.Single(matches.Seen).Known.Fingerprint);
        Assert.Single(matches.Gone);
    }

    [Fact]
    public void Match_TextEdited_IsTheSameFindingWithAnotherText()
    {
        var first = Assert.Single(Scan(At("a.c", 3, "free", "near", "main")).New);

        var matches = Scan(At("a.c", 3, "free it twice", "near", "main"));

        Assert.Equal(first.Fingerprint, Assert.Single(matches.Seen).Known.Fingerprint);
        Assert.Empty(matches.New);
    }

    [Fact]
    public void Match_Disappeared_IsGoneAndReturns()
    {
        var first = Assert.Single(Scan(At("a.c", 3, "free", "near")).New);

        Assert.Equal(first.Fingerprint, Assert.Single(Scan().Gone).Fingerprint);
        Assert.Empty(Scan().Gone);
        var back = Assert.Single(Scan(At("a.c", 7, "free", "near")).Seen);

        Assert.Equal(first.Fingerprint, back.Known.Fingerprint);
    }

    [Fact]
    public void Match_SomethingElseWhereOneDisappeared_IsNew()
    {
        Scan(At("a.c", 3, "free", "near"));
        Scan();

        Assert.Single(Scan(At("a.c", 3, "allocate", "near")).New);
    }

    [Fact]
    public void Match_FilesNotExamined_StandAsTheyWere()
    {
        Scan(At("a.c", 3, "free", "near"), At("b.c", 3, "close", "far"));

        var matches = Scan(["a.c"], []);

        Assert.Equal("a.c", Assert.Single(matches.Gone).Path);
    }

    [Fact]
    public void Match_FileThatCouldNotBeRead_KeepsItsFindings()
    {
        Scan(At("a.c", 3, "free", "near"), At("b.c", 3, "close", "far"));

        var matches = Track(new ScannerResult([], null, new HashSet<string> { "c.c", "b.c" }, new Dictionary<string, string> { ["c.c"] = "a.c" }, 0, 0, [], []));

        Assert.Empty(matches.Gone);
    }

    [Fact]
    public void Match_SameCodeElsewhere_MakesTheSameFingerprint()
    {
        var here = Assert.Single(Scan(At("a.c", 3, "free", "near", "main")).New).Fingerprint;
        _known.Clear();

        Assert.Equal(here, Assert.Single(Scan(At("moved/b.c", 80, "free", "near", "main")).New).Fingerprint);
    }

    private FindingMatches Scan(params FoundOccurrence[] found) => Scan(null, [], found);

    private FindingMatches Scan(string[]? examined, Dictionary<string, string> renames, params FoundOccurrence[] found)
        => Track(new ScannerResult(found, examined?.ToHashSet(), new HashSet<string>(), renames, 0, 0, [], []));

    private FindingMatches Track(ScannerResult result)
    {
        var matches = FindingTracker.Match(Scanner, _known, result);
        KnownFindings.Apply(_known, matches, Scanner, s_now);
        return matches;
    }

    private static FoundOccurrence At(string path, int line, string text, string neighbourhood, string? symbol = null)
        => new(path, "0", new Occurrence(line, line, "TODO", text, symbol, text, line, Hash(text), Hash(neighbourhood), null, null, null, null, "C"));

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
