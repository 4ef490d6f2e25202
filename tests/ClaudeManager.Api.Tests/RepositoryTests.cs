using System.Net;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Api.Tests;

public sealed class RepositoryTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_NewRepository_WaitsForTheOperatorBeforeAnythingIsProposed()
    {
        await using var api = await TestApi.StartAsync();
        var files = await api.NewRepositoryAsync(("a.py", "# TODO: one\n# FIXME: two\nx = 1\n"), ("b.py", "x = 'TODO: no comment'\n"));

        var added = await api.Client.AddRepositoryAsync(new AddRepositoryRequest(files.Path), Ct);
        var scan = await api.Client.ScanRepositoryAsync(added.Id, full: false, propose: null, Ct);

        Assert.False(added.Accepted);
        Assert.Equal((2, 0), (scan.Found, scan.Proposed));
        Assert.Equal(RepositoryScanState.Preview, (await api.Client.GetRepositoryAsync(added.Id, Ct)).ScanState);
        Assert.Equal(0, (await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, Ct)).Total);

        var preview = await api.Client.PreviewRepositoryAsync(added.Id, explain: true, Ct);
        Assert.Equal(2, preview.ExpectedIssues);
        Assert.Contains(preview.Explanations!, e => e is { Path: "b.py", Verdict: "in_string" });

        Assert.Equal(2, (await api.Client.AcceptRepositoryAsync(added.Id, Ct)).Proposed);
        var accepted = await api.Client.GetRepositoryAsync(added.Id, Ct);
        Assert.Equal((true, RepositoryScanState.Ok, 2), (accepted.Accepted, accepted.ScanState, accepted.OpenWorkItems));
        Assert.All((await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, Ct)).Items, i => Assert.Equal(WorkItemState.Proposed, i.State));
    }

    [Fact]
    public async Task Add_SameRepositoryTwice_IsOneRepository()
    {
        await using var api = await TestApi.StartAsync();
        var files = await api.NewRepositoryAsync(("a.py", "x = 1\n"), ("lib/b.py", "x = 1\n"));

        var first = await api.Client.AddRepositoryAsync(new AddRepositoryRequest(files.Path), Ct);
        var second = await api.Client.AddRepositoryAsync(new AddRepositoryRequest(Path.Combine(files.Path, "lib")), Ct);

        Assert.Equal(first.Id, second.Id);
        Assert.Equal(1, (await api.Client.ListRepositoriesAsync(0, 50, Ct)).Total);
    }

    [Fact]
    public async Task Preview_PathThatIsNotRegistered_WritesNothing()
    {
        await using var api = await TestApi.StartAsync();
        var files = await api.NewRepositoryAsync(("a.py", "# TODO: one\n"));

        var preview = await api.Client.PreviewPathAsync(new AddRepositoryRequest(files.Path), explain: false, Ct);

        Assert.Single(preview.Findings);
        Assert.Null(preview.Explanations);
        Assert.Equal(0, (await api.Client.ListRepositoriesAsync(0, 50, Ct)).Total);
    }

    [Fact]
    public async Task Preview_RepositoryOnAnotherBranch_LooksAtThatBranch()
    {
        await using var api = await TestApi.StartAsync();
        var files = await api.NewRepositoryAsync(("a.py", "x = 1\n"));
        await files.GitAsync(Ct, "checkout", "--quiet", "-b", "next");
        await files.Write("a.py", "# TODO: only here\n").CommitAsync("Next", Ct);
        await files.GitAsync(Ct, "checkout", "--quiet", "main");

        var added = await api.Client.AddRepositoryAsync(new AddRepositoryRequest(files.Path, Branch: "next"), Ct);

        Assert.Equal("next", (await api.Client.PreviewRepositoryAsync(added.Id, explain: false, Ct)).Branch);
        Assert.Single((await api.Client.PreviewRepositoryAsync(added.Id, explain: false, Ct)).Findings);
    }

    [Theory]
    [InlineData("nothing-there", null)]
    [InlineData("plain-folder", "not_a_repository")]
    [InlineData("a-file", null)]
    [InlineData("", null)]
    [InlineData("a\0b", "path_missing")]
    [InlineData("no-commits", "no_commits")]
    [InlineData("odd\nname\u001b[31m", null)]
    public async Task Add_BadPath_IsAProblemWithCodeFieldAndFix(string path, string? code)
    {
        await using var api = await TestApi.StartAsync();
        var files = await api.NewRepositoryAsync(("a.py", "x = 1\n"));
        var ground = Path.GetDirectoryName(files.Path)!;
        Directory.CreateDirectory(Path.Combine(ground, "plain-folder"));
        await File.WriteAllTextAsync(Path.Combine(ground, "a-file"), "", Ct);
        await Core.Git.GitCommand.RunAsync(ground, ["init", "--quiet", "no-commits"], Ct);
        using var body = System.Net.Http.Json.JsonContent.Create(new AddRepositoryRequest(path.Length == 0 ? "" : Path.Combine(ground, path)));

        using var response = await api.SendAsync(HttpMethod.Post, "/api/v1/repositories", body);

        var problem = await Refused.ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("fix").GetString()));
        Assert.True(problem.GetProperty("errors").TryGetProperty("path", out _));
        if (code is not null)
        {
            Assert.Equal(code, problem.GetProperty("code").GetString());
        }
    }

    [Fact]
    public async Task Remove_WithAWaitingRun_IsRefusedAndWithoutOneItIsGoneUntilAddedAgain()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        await api.ApproveAsync(item.Id);

        await Refused.WithAsync(HttpStatusCode.Conflict, "repository_busy", () => api.Client.RemoveRepositoryAsync(item.RepositoryId, Ct));
        await api.Client.WithdrawApprovalAsync(item.Id, Ct);
        var location = (await api.Client.GetRepositoryAsync(item.RepositoryId, Ct)).Location;
        await api.Client.RemoveRepositoryAsync(item.RepositoryId, Ct);

        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.GetRepositoryAsync(item.RepositoryId, Ct));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.ScanRepositoryAsync(item.RepositoryId, false, null, Ct));
        Assert.Equal(0, (await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, Ct)).Total);
        Assert.Equal(item.RepositoryId, (await api.Client.AddRepositoryAsync(new AddRepositoryRequest(location), Ct)).Id);
        Assert.Equal(item.Id, (await api.OnlyAsync()).Id);
    }

    [Fact]
    public async Task Scan_RepositoryMovedAway_SaysSoAndKeepsWhatIsKnown()
    {
        await using var api = await TestApi.StartAsync();
        var (files, repository) = await api.ProposedAsync(("a.py", "# TODO: one\n"));
        Directory.Move(files.Path, files.Path + ".away");

        var scan = await api.Client.ScanRepositoryAsync(repository.Id, full: false, propose: null, Ct);

        Assert.False(string.IsNullOrWhiteSpace(scan.Error));
        Assert.Equal(RepositoryScanState.Failed, (await api.Client.GetRepositoryAsync(repository.Id, Ct)).ScanState);
        Assert.Equal(WorkItemState.Proposed, (await api.OnlyAsync()).State);
    }

    [Fact]
    public async Task AddSample_Twice_IsOneRepositoryWithWork()
    {
        await using var api = await TestApi.StartAsync();

        var first = await api.Client.AddSampleAsync(Ct);
        var second = await api.Client.AddSampleAsync(Ct);

        Assert.True(first.IsSample);
        Assert.Equal(first.Id, second.Id);
        Assert.True((await api.Client.ScanRepositoryAsync(first.Id, false, null, Ct)).Proposed > 0);
    }
}
