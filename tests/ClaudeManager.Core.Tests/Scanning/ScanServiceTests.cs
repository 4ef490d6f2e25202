using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Tests.Scanning;

public sealed class ScanServiceTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Preview_RepositoryNobodyRegistered_FindsAndWritesNothing()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"), ("b.py", "x = 'TODO: none'  # FIXME two\n"));

        var preview = (await ground.Scans.PreviewAsync(repository.Path, null, explain: false, Ct)).Value;

        Assert.NotNull(preview);
        Assert.Equal([("a.c", 1, "TODO", "one"), ("b.py", 1, "FIXME", "two")], preview.Findings.Select(f => (f.Path, f.Line, f.Marker, f.Text)));
        Assert.All(preview.Findings, f => Assert.True(f.WouldPropose && f.Score is >= 1 and <= 10));
        Assert.Equal((2, 2, 2), (preview.FilesListed, preview.FilesRead, preview.ExpectedIssues));
        Assert.Equal(0, await ground.CountRowsAsync(Ct));
    }

    [Fact]
    public async Task Preview_MoreThanTheCaps_NamesWhatWouldBeProposed()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, [.. Enumerable.Range(0, 6).Select(i => ($"f{i}.c", string.Concat(Enumerable.Range(0, 5).Select(j => $"// TODO: number {i} {j}\nint a{j};\n"))))]);

        var preview = (await ground.Scans.PreviewAsync(repository.Path, null, explain: false, Ct)).Value!;

        Assert.Equal(30, preview.Findings.Count);
        Assert.Equal(10, preview.ExpectedIssues);
        Assert.All(preview.Findings.Where(f => f.WouldPropose).GroupBy(f => f.Path), file => Assert.InRange(file.Count(), 1, 3));
    }

    [Fact]
    public async Task Preview_Explained_EveryHitHasAVerdict()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(
            Ct,
            ("a.c", "// TODO: one\nchar *s = \"TODO: string\";\n"),
            ("node_modules/m.js", "// TODO: vendored\n"),
            ("test_a.py", "# TODO: excluded\n"),
            ("data.xyz", "TODO unknown\n"),
            ("model.c", "version https://git-lfs.github.com/spec/v1\noid sha256:TODO\n"));
        await repository.Link("link.c", "a.c").CommitAsync("Link", Ct);

        var preview = (await ground.Scans.PreviewAsync(repository.Path, null, explain: true, Ct)).Value!;

        Assert.Equal(
            [("a.c", "finding"), ("a.c", "in_string"), ("data.xyz", "unknown_language"), ("link.c", "symbolic_link"), ("model.c", "lfs_pointer"), ("node_modules/m.js", "vendored"), ("test_a.py", "excluded_path")],
            preview.Explanations!.Select(e => (e.Path, e.Verdict)));
    }

    [Fact]
    public async Task Preview_NotARepository_IsRefused()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        using var directory = new TemporaryDirectory();

        Assert.Equal("not_a_repository", (await ground.Scans.PreviewAsync(directory.Path, null, explain: false, Ct)).Refusal?.Code);
    }

    [Fact]
    public async Task Scan_FirstTime_WritesFindingsProposalsAuditAndState()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 1, 1, 1, null), (result.Found, result.New, result.Proposed, result.FilesRead, result.Error));
        var row = (await ground.Registry.GetAsync(id, Ct)).Value!;
        Assert.Equal((RepositoryScanState.Ok, await repository.HeadAsync(Ct), "main", 1), (row.ScanState, row.ScannedCommit, row.DefaultBranch, row.OpenWorkItems));
        Assert.Equal(new Dictionary<string, int> { ["TODO"] = 1 }, row.Findings);
        Assert.Contains("repository.scanned", await ground.Store.ReadAsync((db, token) => db.AuditEntries.Select(a => a.Action).ToListAsync(token), Ct));
    }

    [Fact]
    public async Task Scan_NothingChanged_ReadsNoFile()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);

        var again = await ground.ScanAsync(id, Ct);

        Assert.Equal((0, 1, 0, 0), (again.FilesRead, again.Found, again.New, again.Closed));
    }

    [Fact]
    public async Task Scan_OneFileChanged_ReadsOnlyThat()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"), ("b.c", "// TODO: two\nint b;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);
        await repository.Write("a.c", "int before;\n// TODO: one\nint a;\n// TODO: three\n").CommitAsync("Edit", Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 3, 1, 0), (result.FilesRead, result.Found, result.New, result.Closed));
        Assert.Equal(["a.c:2 one", "a.c:4 three", "b.c:1 two"], (await FindingsAsync(ground)).Select(f => $"{f.Path}:{f.Line} {f.Text}"));
    }

    [Fact]
    public async Task Scan_OtherPatterns_ReadsEverythingAgain()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\n// XXX: two\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);
        ground.Configuration.Swap(ManagerConfiguration.Default with { Analyzer = new AnalyzerConfiguration { TodoPatterns = ["XXX:"] } });

        var result = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 1, 1), (result.FilesRead, result.New, result.Closed));
    }

    [Fact]
    public async Task Scan_FindingDisappearsAndReturns_ItsProposalClosesAndReopens()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);

        var removing = await repository.Write("a.c", "int a;\n").CommitAsync("Done", Ct);
        var gone = await ground.ScanAsync(id, Ct);
        var closed = await ItemAsync(ground);
        await repository.Write("a.c", "// TODO: one\nint a;\n").CommitAsync("Revert", Ct);
        var back = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 0), (gone.Closed, gone.Found));
        Assert.Equal((WorkItemState.Closed, removing), (closed.State, closed.ClosedByCommit));
        Assert.Equal((1, 0), (back.Reopened, back.New));
        Assert.Equal(WorkItemState.Proposed, (await ItemAsync(ground)).State);
    }

    [Fact]
    public async Task Scan_HistoryRewritten_StartsOver()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);
        await ground.Store.WriteAsync(ground.Operation, async (tx, token) => (await tx.Db.Repositories.SingleAsync(token)).ScannedCommit = "0123456789012345678901234567890123456789", Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 0, 0, null), (result.FilesRead, result.New, result.Closed, result.Error));
    }

    [Fact]
    public async Task Scan_BeforeItIsAccepted_ProposesNothingUntilItIs()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct, propose: false);

        var dry = await ground.ScanAsync(id, Ct);
        Assert.Equal((1, 0), (dry.Found, dry.Proposed));
        Assert.Equal(RepositoryScanState.Preview, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);

        var accepted = (await ground.Registry.AcceptAsync(ground.Operation, id, Ct)).Value!;
        Assert.Equal((1, 0), (accepted.Proposed, accepted.FilesRead));
        Assert.Equal(RepositoryScanState.Ok, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);
    }

    [Fact]
    public async Task Scan_RepositoryIsGone_FailsWithTheReasonAndRecovers()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);
        Directory.Move(repository.Path, repository.Path + "-away");

        var failed = await ground.ScanAsync(id, Ct);

        Assert.Contains("does not exist", failed.Error, StringComparison.Ordinal);
        Assert.Equal(RepositoryScanState.Failed, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);
        Assert.Single(await FindingsAsync(ground));
        Directory.Move(repository.Path + "-away", repository.Path);
        Assert.Null((await ground.ScanAsync(id, Ct)).Error);
        Assert.Null((await ground.Registry.GetAsync(id, Ct)).Value!.LastScanError);
    }

    [Fact]
    public async Task Scan_ScannerThrows_FailsAndLeavesNothingHalfDone()
    {
        await using var ground = await ScanGround.CreateAsync(Ct, null, new TodoCommentsScanner(), new BrokenScanner());
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);

        var failed = await ground.ScanAsync(id, Ct);

        Assert.Equal("It broke.", failed.Error);
        Assert.Empty(await FindingsAsync(ground));
        Assert.Equal(RepositoryScanState.Failed, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);
    }

    [Fact]
    public async Task Scan_TakesTooLong_SaysSo()
    {
        await using var ground = await ScanGround.CreateAsync(Ct, ManagerConfiguration.Default with { Analyzer = new AnalyzerConfiguration { ScanTimeout = TimeSpan.FromMilliseconds(1500) } }, new EndlessScanner());
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var id = await ground.AddAsync(repository, Ct);

        Assert.Contains("1.5 s", (await ground.ScanAsync(id, Ct)).Error, StringComparison.Ordinal);
        Assert.Equal("scan_timed_out", (await ground.Scans.PreviewAsync(repository.Path, null, explain: false, Ct)).Refusal?.Code);
    }

    [Fact]
    public async Task Scan_Cancelled_IsNotLeftAsScanning()
    {
        var endless = new EndlessScanner();
        await using var ground = await ScanGround.CreateAsync(Ct, null, endless);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);

        var scan = ground.Scans.ScanAsync(ground.Operation, id, full: false, propose: null, cancel.Token);
        await endless.Started.WaitAsync(Ct);
        Assert.Equal(RepositoryScanState.Scanning, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => scan);
        Assert.Equal(RepositoryScanState.Never, (await ground.Registry.GetAsync(id, Ct)).Value!.ScanState);
    }

    [Fact]
    public async Task Scan_Incremental_CountsTheChangedFilesOnly()
    {
        var watched = new WatchedScanner();
        await using var ground = await ScanGround.CreateAsync(Ct, null, watched);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"), ("b.c", "int b;\n"), ("c.c", "int c;\n"));
        var id = await ground.AddAsync(repository, Ct);

        await ground.ScanAsync(id, Ct);
        Assert.Equal((3, 3, 1), (watched.Last!.Files, watched.Last.TotalFiles, watched.Last.Findings));

        await repository.Write("b.c", "// TODO: two\n// TODO: three\nint b;\n").CommitAsync("Second", Ct);
        await ground.ScanAsync(id, Ct);
        Assert.Equal((1, 1, 2), (watched.Last.Files, watched.Last.TotalFiles, watched.Last.Findings));
    }

    [Fact]
    public async Task Preview_RegisteredRepository_IsSeenWhileItRuns_AndLeavesNothing()
    {
        var endless = new EndlessScanner();
        await using var ground = await ScanGround.CreateAsync(Ct, null, endless);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var id = await ground.AddAsync(repository, Ct);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);

        var preview = ground.Scans.PreviewAsync(id, explain: false, cancel.Token);
        await endless.Started.WaitAsync(Ct);
        var seen = (await ground.Registry.GetAsync(id, Ct)).Value!;
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => preview);
        Assert.Equal((RepositoryScanState.Never, true), (seen.ScanState, seen.Scan is { TotalFiles: null }));
        Assert.Null((await ground.Registry.GetAsync(id, Ct)).Value!.Scan);
    }

    [Fact]
    public async Task Scan_SeveralAtOnce_FindEverythingOnce()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\nint a;\n"));
        var id = await ground.AddAsync(repository, Ct);

        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => ground.ScanAsync(id, Ct), Ct)));

        Assert.Equal(1, results.Sum(r => r.New));
        Assert.Single(await FindingsAsync(ground));
    }

    [Fact]
    public async Task Scan_HostileText_IsKeptAsData()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct);
        await repository.CommitRawAsync(Ct, entries: ("100644", "a\n\"'`$(x)`.c"u8.ToArray(), "// TODO: @everyone ``` <script>alert(1)</script> '; DROP TABLE findings; -- $(rm -rf /) #1\nint a;\n"u8.ToArray()));
        var id = await ground.AddAsync(repository, Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 1), (result.New, result.Proposed));
        var finding = Assert.Single(await FindingsAsync(ground));
        Assert.Equal("@everyone ``` <script>alert(1)</script> '; DROP TABLE findings; -- $(rm -rf /) #1", finding.Text);
        Assert.Equal("a\n\"'`$(x)`.c", finding.Path);
    }

    [Fact]
    public async Task Scan_FilesThatCannotBeRead_AreNamedAndTheRestIsFound()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        using var outside = new TemporaryDirectory();
        await File.WriteAllTextAsync(outside.Combine("secret.c"), "// TODO: outside\n", Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("good.c", "// TODO: inside\n"), ("empty.c", ""));
        var line = new byte[50_000_000];
        line.AsSpan().Fill((byte)'x');
        "// TODO: in one line of 50 MB "u8.CopyTo(line);
        repository.Write("huge.c", line)
            .Link("loop-a", "loop-b").Link("loop-b", "loop-a").Link("here", ".").Link("out", outside.Path).Link("out.c", outside.Combine("secret.c"));
        await repository.GitAsync(Ct, "update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,module");
        await repository.CommitAsync("What a tree may hold", Ct);
        var id = await ground.AddAsync(repository, Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Null(result.Error);
        Assert.Equal(("good.c", "inside"), Assert.Single((await FindingsAsync(ground)).Select(f => (f.Path, f.Text))));
        Assert.Equal(("huge.c", "too_large"), Assert.Single(result.Problems.Select(p => (p.Path, p.Reason))));
        var preview = (await ground.Scans.PreviewAsync(repository.Path, null, explain: true, Ct)).Value!;
        Assert.Equal(("huge.c", "too_large"), Assert.Single(preview.Problems.Select(p => (p.Path, p.Reason))));
        Assert.Contains(preview.Explanations!, e => e is { Path: "huge.c", Verdict: "too_large" });
    }

    [Fact]
    public async Task Scan_HundredThousandFiles_FindsTheOne()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, bare: true);
        var other = (await GitCommand.RunAsync(repository.Path, ["hash-object", "-w", "--stdin"], Ct, "int a;\n"u8.ToArray())).Text;
        var one = (await GitCommand.RunAsync(repository.Path, ["hash-object", "-w", "--stdin"], Ct, "// TODO: the one\n"u8.ToArray())).Text;
        var entries = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"100644 blob {(i == 77_777 ? one : other)}\tf{i}.c\n"));
        var tree = (await GitCommand.RunAsync(repository.Path, ["mktree"], Ct, Encoding.ASCII.GetBytes(entries))).Text;
        await repository.GitAsync(Ct, "update-ref", "refs/heads/main", await repository.GitAsync(Ct, "commit-tree", tree, "-m", "Many"));
        var id = await ground.AddAsync(repository, Ct);

        var result = await ground.ScanAsync(id, Ct);

        Assert.Null(result.Error);
        Assert.Equal(("f77777.c", "the one"), Assert.Single((await FindingsAsync(ground)).Select(f => (f.Path, f.Text))));
        Assert.Equal(0, (await ground.ScanAsync(id, Ct)).FilesRead);
    }

    [Fact]
    public async Task Scan_UnknownRepository_IsNotFound()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);

        Assert.Equal("not_found", (await ground.Scans.ScanAsync(ground.Operation, 7, full: false, propose: null, Ct)).Refusal?.Code);
    }

    [Fact]
    public async Task Blame_LineOfASecondCommit_NamesItsAuthorAndTime()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var head = await repository.Write("a.c", "int a;\n// TODO: one\n").CommitAsync("Second", Ct);

        var line = await Blame.FindAsync(repository.Path, head, "a.c", 2, Ct);

        Assert.Equal(new BlameLine("Ada Author", new DateTimeOffset(2026, 1, 5, 9, 2, 0, TimeSpan.Zero)), line);
        Assert.Null(await Blame.FindAsync(repository.Path, head, "none.c", 2, Ct));
    }

    [Fact]
    public async Task Blame_HistoryIsCut_DoesNotGuess()
    {
        await using var origin = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\n"));
        await origin.Write("b.c", "int b;\n").CommitAsync("Second", Ct);
        var clone = origin.Path + "-clone";
        await origin.GitAsync(Ct, "clone", "--quiet", "--depth=1", "file://" + origin.Path, clone);

        Assert.Null(await Blame.FindAsync(clone, await origin.HeadAsync(Ct), "a.c", 1, Ct));
        Assert.NotNull(await Blame.FindAsync(origin.Path, await origin.HeadAsync(Ct), "a.c", 1, Ct));
    }

    private static Task<List<FindingEntity>> FindingsAsync(ScanGround ground)
        => ground.Store.ReadAsync((db, token) => db.Findings.Where(f => !f.Gone).OrderBy(f => f.Path).ThenBy(f => f.Line).ToListAsync(token), Ct);

    private static Task<WorkItemEntity> ItemAsync(ScanGround ground) => ground.Store.ReadAsync((db, token) => db.WorkItems.SingleAsync(token), Ct);

    private sealed class BrokenScanner : IScanner
    {
        public string Key => "broken";

        public IReadOnlyList<string> Labels => [];

        public bool IsEnabled(AnalyzerConfiguration analyzer) => true;

        public string RulesOf(AnalyzerConfiguration analyzer) => "";

        public ProposalText Describe(FindingEntity finding, ProposalPlace place) => throw new InvalidOperationException("Nothing is ever found.");

        public Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct) => throw new InvalidOperationException("It broke.");
    }

    private sealed class WatchedScanner : IScanner
    {
        private readonly TodoCommentsScanner _scanner = new();

        public ScanProgress? Last { get; private set; }

        public string Key => _scanner.Key;

        public IReadOnlyList<string> Labels => _scanner.Labels;

        public ProposalText Describe(FindingEntity finding, ProposalPlace place) => _scanner.Describe(finding, place);

        public bool IsEnabled(AnalyzerConfiguration analyzer) => true;

        public string RulesOf(AnalyzerConfiguration analyzer) => _scanner.RulesOf(analyzer);

        public Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
        {
            Last = request.Progress;
            return _scanner.ScanAsync(request, ct);
        }
    }

    private sealed class EndlessScanner : IScanner
    {
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Started => _started.Task;

        public string Key => "endless";

        public IReadOnlyList<string> Labels => [];

        public bool IsEnabled(AnalyzerConfiguration analyzer) => true;

        public string RulesOf(AnalyzerConfiguration analyzer) => "";

        public ProposalText Describe(FindingEntity finding, ProposalPlace place) => throw new InvalidOperationException("Nothing is ever found.");

        public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
        {
            _started.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            throw new InvalidOperationException("Not reached.");
        }
    }
}
