using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Scanning;

/// <summary>How many of a work item's findings a result has left.</summary>
public sealed class FindingPresenceTests
{
    private const string Twice = "# TODO: be quick\necho 1\n# TODO: be quick\necho 2\n# FIXME: be right\n";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Twice, "echo 1\necho 2\n", 0)]
    [InlineData(Twice, "# TODO: be quick\necho 1\necho 2\n", 1)]
    [InlineData(Twice, "# TODO: be quick\necho 1\n# TODO: be quick\necho 2\n", 2)]
    [InlineData(Twice, Twice + "echo 3\n", 3)]
    // More than there were: there are no more than were asked for.
    [InlineData(Twice, Twice + "# TODO: be quick\n# TODO: be quick\n", 3)]
    public async Task CountLeft_AllOfAFile_CountsThoseThatAreStillThere(string before, string after, int left)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.sh", before), ("b.sh", "# TODO: be quick\n"));
        var findings = Findings("a.sh", before);
        Assert.Equal(left, await CountAsync(repository, findings, ("a.sh", after)));
    }

    [Fact]
    public async Task CountLeft_OneOfTwoAlike_IsSatisfiedByOneFewer()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.sh", Twice));
        Assert.Equal(0, await CountAsync(repository, Findings("a.sh", Twice).Take(1), ("a.sh", "# TODO: be quick\necho 1\necho 2\n# FIXME: be right\n")));
    }

    [Fact]
    public async Task CountLeft_FileUntouchedOrCommentMovedToAnother_IsLeft()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.sh", "# TODO: be quick\n"), ("b.sh", "# FIXME: be right\n"));
        List<FindingEntity> findings = [.. Findings("a.sh", "# TODO: be quick\n"), .. Findings("b.sh", "# FIXME: be right\n")];
        Assert.Equal(1, await CountAsync(repository, findings, ("a.sh", "echo\n")));
        Assert.Equal(2, await CountAsync(repository, findings, ("a.sh", "echo\n"), ("c.sh", "# TODO: be quick\n")));
    }

    [Fact]
    public async Task CountLeft_NothingThatCanBeLookedFor_IsNotKnown()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.sh", "# TODO: be quick\n"));
        Assert.Null(await CountAsync(repository, [], ("a.sh", "")));
        var other = Findings("a.sh", "# TODO: be quick\n");
        other.ForEach(f => f.Scanner = "refactor-candidates");
        Assert.Null(await CountAsync(repository, other, ("a.sh", "echo\n")));
    }

    private static async Task<int?> CountAsync(TestRepository repository, IEnumerable<FindingEntity> findings, params (string Path, string Content)[] change)
    {
        var from = await repository.HeadAsync(Ct);
        foreach (var (path, content) in change)
        {
            repository.Write(path, content);
        }

        var to = await repository.CommitAsync("Change", Ct);
        return await new FindingPresence(new CurrentConfiguration(ManagerConfiguration.Default)).CountLeftAsync(repository.Path, from, to, [.. findings], Ct);
    }

    private static List<FindingEntity> Findings(string path, string content)
    {
        var found = new List<Occurrence>();
        new BlobScanner(new MarkerSet(ManagerConfiguration.Default.Analyzer.TodoPatterns)).Scan(Encoding.UTF8.GetBytes(content), path, found, null);
        return [.. found.Select((o, i) => FindingMapping.Create(1, TodoCommentsScanner.ScannerKey, $"{path}{i}", new FoundOccurrence(path, "", o), "", DateTimeOffset.UnixEpoch))];
    }
}
