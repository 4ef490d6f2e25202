using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.RefactorCandidates;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Scanning.RefactorCandidates;

/// <summary>Real histories: thirty small files, and one that is large and changes often.</summary>
public sealed class RefactorCandidatesScannerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Scan_OneFileFarAboveTheOthers_IsFoundWithItsNumbers()
    {
        await using var repository = await CreateAsync();
        await ChangeAsync(repository, "src/god.c", 600, 8);

        var result = await ScanAsync(repository);

        var found = Assert.Single(result.Found);
        Assert.Equal(("src/god.c", "600+ lines, 5+ changes in 365 days"), (found.Path, found.Occurrence.Text));
        var text = new RefactorCandidatesScanner().Describe(FindingOf(found), new ProposalPlace(new RepositoryEntity { Name = "project", Location = repository.Path, Kind = RepositoryKind.Local }, await repository.HeadAsync(Ct), new GitHubConfiguration()));
        Assert.Equal("Refactor src/god.c", text.Title);
        Assert.Contains("| Lines | 608 | 10 |", text.Body, StringComparison.Ordinal);
        Assert.Contains("| Changes in the last 365 days | 9 | 1 |", text.Body, StringComparison.Ordinal);
        Assert.Contains("| Authors of them | 1 | |", text.Body, StringComparison.Ordinal);
        Assert.Contains("the 31 source files", text.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("src/large.c", 600, 0)]
    [InlineData("src/busy.c", 20, 12)]
    [InlineData("vendor/god.c", 600, 8)]
    [InlineData("tests/god.c", 600, 8)]
    [InlineData("src/god.pb.go", 600, 8)]
    [InlineData("src/god.dat", 600, 8)]
    public async Task Scan_LargeOrBusyOnlyOrNobodysCode_IsNot(string path, int lines, int changes)
    {
        await using var repository = await CreateAsync();
        await ChangeAsync(repository, path, lines, changes);

        Assert.Empty((await ScanAsync(repository)).Found);
    }

    [Fact]
    public async Task Scan_Renamed_KeepsItsHistoryAndItsFinding()
    {
        await using var repository = await CreateAsync();
        await ChangeAsync(repository, "src/god.c", 600, 8);
        var known = new List<FindingEntity>();
        KnownFindings.Apply(known, FindingTracker.Match("refactor-candidates", known, await ScanAsync(repository)), "refactor-candidates", DateTimeOffset.UnixEpoch);
        var since = await repository.HeadAsync(Ct);
        repository.Move("src/god.c", "lib/god.c");
        await repository.CommitAsync("Move", Ct);

        var matches = FindingTracker.Match("refactor-candidates", known, await ScanAsync(repository, since));

        Assert.Equal("lib/god.c", Assert.Single(matches.Seen).Now.Path);
        Assert.Empty(matches.New);
        Assert.Empty(matches.Gone);

        // And the scan after that, which sees no rename any more.
        KnownFindings.Apply(known, matches, "refactor-candidates", DateTimeOffset.UnixEpoch);
        Assert.Single(FindingTracker.Match("refactor-candidates", known, await ScanAsync(repository)).Seen);
    }

    [Fact]
    public async Task Scan_SweepsOverEverything_DoNotCount()
    {
        await using var repository = await CreateAsync(files: 120);
        repository.Write("src/god.c", Lines(600));
        await repository.CommitAsync("God", Ct);
        for (var sweep = 0; sweep < 8; sweep++)
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(repository.Path, "src")))
            {
                await File.AppendAllTextAsync(file, $"// {sweep}\n", Ct);
            }

            await repository.CommitAsync("Sweep", Ct);
        }

        Assert.Empty((await ScanAsync(repository)).Found);
    }

    [Fact]
    public async Task Scan_FewFiles_HasNoNorm()
    {
        await using var repository = await CreateAsync(files: 5);
        await ChangeAsync(repository, "src/god.c", 600, 8);

        Assert.Empty((await ScanAsync(repository)).Found);
    }

    [Fact]
    public async Task Scan_Shallow_SaysUnknownAndCallsNothingGone()
    {
        await using var repository = await CreateAsync();
        using var directory = new TemporaryDirectory();
        var clone = directory.Combine("clone");
        await GitCommand.RunAsync(directory.Path, ["-c", "protocol.file.allow=always", "clone", "--quiet", "--depth", "1", "file://" + repository.Path, clone], Ct);
        var local = (await LocalRepository.OpenAsync(clone, null, Ct)).Value!;

        var result = await new RefactorCandidatesScanner().ScanAsync(new ScanRequest(local, null, Full: true, Explain: false, new AnalyzerConfiguration()), Ct);

        Assert.Equal("history_unknown", Assert.Single(result.Problems).Reason);
        Assert.Empty(result.Examined!);
    }

    private static async Task<TestRepository> CreateAsync(int files = 30)
    {
        var repository = await TestRepository.CreateAsync(Ct);
        for (var i = 0; i < files; i++)
        {
            repository.Write($"src/f{i}.c", Lines(10));

            // Not one commit of all of them: that would be a sweep.
            if (i % 30 == 29 || i == files - 1)
            {
                await repository.CommitAsync("Files", Ct);
            }
        }

        return repository;
    }

    private static async Task ChangeAsync(TestRepository repository, string path, int lines, int changes)
    {
        repository.Write(path, Lines(lines));
        await repository.CommitAsync("Write", Ct);
        for (var i = 0; i < changes; i++)
        {
            await File.AppendAllTextAsync(Path.Combine(repository.Path, path), $"int change{i};\n", Ct);
            await repository.CommitAsync("Change", Ct);
        }
    }

    private static string Lines(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"int line{i};\n"));

    private static FindingEntity FindingOf(FoundOccurrence found)
        => FindingMapping.Create(1, "refactor-candidates", "f", found, "", DateTimeOffset.UnixEpoch);

    private static async Task<ScannerResult> ScanAsync(TestRepository repository, string? since = null)
    {
        var local = (await LocalRepository.OpenAsync(repository.Path, null, Ct)).Value!;
        return await new RefactorCandidatesScanner().ScanAsync(new ScanRequest(local, since, Full: false, Explain: false, new AnalyzerConfiguration()), Ct);
    }
}
