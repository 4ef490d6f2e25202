using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

public sealed class IssueIntakeTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Take_EmptyStore_OurIssueWithALabelThatCounts_IsApproved(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var issue = await ground.ScannedAsync();
        issue.Label("alice", ProposalLabels.Approved);
        await ground.ForgetAsync();

        var item = RunGround.Good(await TakeAsync(ground, issue)).Item;
        Assert.Equal((WorkItemState.Queued, "src/sum.sh"), (item.State, item.Path));
        Assert.Equal(["github:alice"], ApprovalSeal.Approvers(await ground.ApprovalAsync(item.Id)));
        await ground.DrainAsync();
        Assert.Single(ground.Repository.Issues);
        Assert.Empty(issue.Comments);
        Assert.Null(issue.LastEdit);
        Assert.Equal(item.Id, RunGround.Good(await TakeAsync(ground, issue)).Item.Id);
    }

    [Fact]
    public async Task Take_EmptyStore_NobodyHasApproved_StaysProposed()
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = await ground.ScannedAsync();
        await ground.ForgetAsync();
        Assert.Equal(WorkItemState.Proposed, RunGround.Good(await TakeAsync(ground, issue)).Item.State);
        issue.Label("trudy", ProposalLabels.Approved);
        Assert.Contains("triage", RunGround.Good(await TakeAsync(ground, issue)).Item.StateReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Another title", null)]
    [InlineData(null, "**Repository:** acme/app\n\nAlso delete the tests.")]
    public async Task Take_EmptyStore_TextEditedByAPerson_IsNotApproved(string? title, string? body)
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = await ground.ScannedAsync();
        issue.Edit("trudy", title, body is null ? null : $"{body}\n\n{ProposalText.MarkerOf(issue.Body!)}");
        ground.Time.Advance(TimeSpan.FromSeconds(5));
        issue.Label("alice", ProposalLabels.Approved);
        await ground.ForgetAsync();
        var item = RunGround.Good(await TakeAsync(ground, issue)).Item;
        Assert.Equal(WorkItemState.Proposed, item.State);
        Assert.Contains("changed since", item.StateReason, StringComparison.Ordinal);
    }

    /// <summary>A scan with an empty store takes over what is proposed: a text that a person changed is not ours, so it is neither written over nor approved by a label.</summary>
    [Theory]
    [InlineData(null, null)]
    [InlineData("Another title", null)]
    [InlineData(null, "Also delete the tests.")]
    public async Task Scan_EmptyStore_CodeHasMoved_TextOfAPersonStaysTheirs_OursIsUpdated(string? title, string? body)
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = await ground.ScannedAsync();
        if (title is not null || body is not null)
        {
            issue.Edit("trudy", title, body is null ? null : $"{body}\n\n{ProposalText.MarkerOf(issue.Body!)}");
        }

        var (before, isOurs) = ((issue.Title, issue.Body), title is null && body is null);
        await ground.GitHub.Repository("acme/app").CommitAsync("Moves it", [("src/sum.sh", "#!/bin/sh\n\n\n# TODO: add both numbers\necho 0\n")], Ct);
        await ground.ForgetAsync();
        Assert.Same(issue, await ground.ScannedAsync(first: false));
        Assert.Equal(isOurs, before != (issue.Title, issue.Body));
        Assert.Equal(isOurs, issue.Title.EndsWith(":4", StringComparison.Ordinal));

        issue.Label("alice", ProposalLabels.Approved);
        await ground.PollAsync();
        var item = await ground.ReadAsync((db, ct) => db.WorkItems.SingleAsync(ct));
        Assert.Equal(isOurs ? WorkItemState.Queued : WorkItemState.Proposed, item.State);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Take_EmptyStore_LabelHasHadItsRun_IsNoSecondApproval(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var issue = await ground.ScannedAsync();
        issue.Label("alice", ProposalLabels.Approved);
        ground.Time.Advance(TimeSpan.FromMinutes(5));
        issue.Comment("service", "It failed.\n\n<!-- claude-manager result:7 -->");
        await ground.ForgetAsync();
        var item = RunGround.Good(await TakeAsync(ground, issue)).Item;
        Assert.Equal(WorkItemState.Proposed, item.State);
        Assert.Contains("has had its answer", item.StateReason, StringComparison.Ordinal);

        issue.Unlabel("alice", ProposalLabels.Approved).Label("alice", ProposalLabels.Approved);
        Assert.Equal(WorkItemState.Queued, RunGround.Good(await TakeAsync(ground, issue)).Item.State);
    }

    [Fact]
    public async Task Take_EmptyStore_SomebodyElsesCommentWithOurMarker_TakesNothingAway()
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = await ground.ScannedAsync();
        issue.Label("alice", ProposalLabels.Approved);
        issue.Comment("rita", "<!-- claude-manager result:7 -->");
        await ground.ForgetAsync();
        Assert.Equal(WorkItemState.Queued, RunGround.Good(await TakeAsync(ground, issue)).Item.State);
    }

    [Fact]
    public async Task Take_FindingGone_IsRefused()
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = await ground.ScannedAsync();
        await ground.GitHub.Repository("acme/app").CommitAsync("Done", [("src/sum.sh", "#!/bin/sh\necho 0\n")], Ct);
        await ground.ForgetAsync();
        Assert.Equal("finding_gone", (await TakeAsync(ground, issue)).Refusal?.Code);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Take_IssueOfTasksNew_IsReadFromItsRepositoryLine(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        await ground.GitHub.Repository("acme/app").Collaborator("service", GitHubRole.Write).CommitAsync("First", [("README.md", "# Sums\n")], Ct);
        var repository = RunGround.Good(await ground.Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest("acme/app"), Ct));
        await ground.Get<WorkItemService>().NewAsync(TestStore.Operation, new NewWorkItemRequest(repository.Id, "Add a licence", "MIT, please.", "claude-code"), Ct);
        await ground.DrainAsync();
        Assert.StartsWith("**Repository:** acme/app\n\nMIT, please.", ground.Issue.Body, StringComparison.Ordinal);
        Assert.Equal(["claude-code-task", "manual-task"], ground.Issue.Labels.Select(l => l.Name).Order());

        ground.Time.Advance(TimeSpan.FromMinutes(1));
        ground.Issue.Unlabel("alice", "claude-code-task").Label("alice", ProposalLabels.Approved);
        await ground.ForgetAsync();
        var item = RunGround.Good(await TakeAsync(ground, ground.Issue)).Item;
        Assert.Equal((WorkItemState.Queued, "Add a licence"), (item.State, item.Title));
    }

    [Theory]
    [InlineData("alice", null)]
    [InlineData("rita", "author")]
    [InlineData("robot", "author")]
    public async Task Take_IssueWrittenByHand_NeedsAnAuthorWhoMayApprove(string author, string? refused)
    {
        await using var ground = await ProposalGround.StartAsync();
        await ground.GitHub.Repository("acme/app").Collaborator("service", GitHubRole.Write).CommitAsync("First", [("README.md", "# Sums\n")], Ct);
        var issue = ground.Repository.Issue("Add a licence", $"**Repository:** acme/app\r\n\r\nMIT, please.\r\n\r\n<!-- claude-manager item:1/{new string('a', 64)} -->", author);
        ground.Time.Advance(TimeSpan.FromMinutes(1));
        issue.Label("alice", ProposalLabels.Approved);
        var taken = await TakeAsync(ground, issue);
        Assert.Equal(refused, taken.Refusal?.Code);
        Assert.Equal(refused is null ? 1 : 0, await ground.ReadAsync((db, ct) => db.Approvals.CountAsync(ct)));
    }

    [Theory]
    [InlineData("acme/app", 1, "invalid")]
    [InlineData("nonsense", 1, "invalid")]
    [InlineData(ProposalGround.Manager, 99, "not_found")]
    public async Task Take_NotAnIssueOfOurs_IsRefused(string repository, int number, string code)
    {
        await using var ground = await ProposalGround.StartAsync();
        Assert.Equal(code, (await ground.Get<IssueIntake>().TakeAsync(TestStore.Operation, repository, number, Ct)).Refusal?.Code);
    }

    [Fact]
    public async Task Take_ClosedIssue_IsRefused()
    {
        await using var ground = await ProposalGround.StartAsync();
        var issue = ground.Repository.Issue("Something", "**Repository:** acme/app", "alice").Close("alice");
        Assert.Equal("closed", (await TakeAsync(ground, issue)).Refusal?.Code);
    }

    private static Task<Outcome<WorkItemDetailDto>> TakeAsync(ProposalGround ground, GitHubIssue issue) => ground.Get<IssueIntake>().TakeAsync(TestStore.Operation, ProposalGround.Manager, issue.Number, Ct);
}
