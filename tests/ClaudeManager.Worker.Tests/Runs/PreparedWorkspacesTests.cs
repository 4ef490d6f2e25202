using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>For which repositories a workspace is kept ready.</summary>
public sealed class PreparedWorkspacesTests
{
    private const string Files = "workspace";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task RefreshAsync_WorkToApprove_TheNextRunTakesWhatWasPrepared(string provider)
    {
        await using var ground = await RunGround.StartAsync($"ls > \"$OUTSIDE/seen\"; {RunGround.Fix}", provider: provider);
        var (repository, item) = await ScanAsync(ground);
        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);
        var prepared = Path.Combine(ground.Data.PreparedDirectory(repository), Files);
        await File.WriteAllTextAsync(Path.Combine(prepared, ".git/info/exclude"), "mark\n", Ct);
        await File.WriteAllTextAsync(Path.Combine(prepared, "mark"), "", Ct);
        await ground.ApproveAsync(item);

        var run = await ground.RunAsync();

        Assert.Contains("mark\n", await File.ReadAllTextAsync(Path.Combine(ground.Outside, "seen"), Ct), StringComparison.Ordinal);
        Assert.Equal(RunEndReason.Completed, run.Run.EndReason);
        Assert.False(Directory.Exists(prepared));
    }

    [Fact]
    public async Task RefreshAsync_NothingLeftToApprove_RemovesIt()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        var (repository, item) = await ScanAsync(ground);
        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);
        Assert.True(Directory.Exists(ground.Data.PreparedDirectory(repository)));
        RunGround.Good(await ground.Get<WorkItemService>().RejectAsync(TestStore.Operation, item, new RejectRequest((await ground.ItemAsync()).Version, "Not now."), Ct));

        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);

        Assert.False(Directory.Exists(ground.Data.PreparedDirectory(repository)));
    }

    [Fact]
    public async Task RefreshAsync_RepositoryMovedOn_PreparesItsNewCommit()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        var (repository, _) = await ScanAsync(ground);
        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);
        await File.WriteAllTextAsync(Path.Combine(ground.Project.Path, "README.md"), "# More sums\n", Ct);
        await ground.Project.CommitAsync("More", Ct);
        RunGround.Good(await ground.Get<ScanService>().ScanAsync(TestStore.Operation, repository, full: false, propose: null, Ct));

        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);

        Assert.Equal("# More sums\n", await File.ReadAllTextAsync(Path.Combine(ground.Data.PreparedDirectory(repository), Files, "README.md"), Ct));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task RefreshAsync_NoRoomForIt_PreparesNothingAndTheRunMakesItsOwn(int megabytes)
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix, e => e with { PreparedWorkspacesMb = megabytes });
        await File.WriteAllTextAsync(Path.Combine(ground.Project.Path, "large.txt"), new string('x', 1024 * 1024), Ct);
        await ground.Project.CommitAsync("Large", Ct);
        var (repository, item) = await ScanAsync(ground);

        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);

        Assert.False(Directory.Exists(ground.Data.PreparedDirectory(repository)));
        await ground.ApproveAsync(item);
        Assert.Equal(RunEndReason.Completed, (await ground.RunAsync()).Run.EndReason);
    }

    [Fact]
    public async Task RefreshAsync_OneRepositoryIsGone_TheOthersArePrepared()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await using var gone = await TestRepository.CreateAsync(Ct, RunGround.Files);
        var lost = await ScanAsync(ground, gone.Path);
        Directory.Delete(gone.Path, recursive: true);
        var (repository, _) = await ScanAsync(ground);

        await ground.Get<PreparedWorkspaces>().RefreshAsync(Ct);

        Assert.True(Directory.Exists(ground.Data.PreparedDirectory(repository)));
        Assert.False(Directory.Exists(ground.Data.PreparedDirectory(lost.Repository)));
    }

    /// <summary>Registers and scans; its one TODO is proposed.</summary>
    private static async Task<(long Repository, long Item)> ScanAsync(RunGround ground, string? path = null)
    {
        var repository = RunGround.Good(await ground.Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest(path ?? ground.Project.Path, Propose: true), Ct));
        RunGround.Good(await ground.Get<ScanService>().ScanAsync(TestStore.Operation, repository.Id, full: false, propose: null, Ct));
        var items = await ground.Get<WorkItemService>().ListAsync([], repository.Id, null, null, 0, 10, Ct);
        return (repository.Id, Assert.Single(items.Items).Id);
    }
}
