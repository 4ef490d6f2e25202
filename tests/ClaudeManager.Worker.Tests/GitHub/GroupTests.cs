using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

/// <summary>Findings of one file, or of one directory, as one proposal.</summary>
public sealed class GroupTests
{
    private const string Three = "#!/bin/sh\n# TODO: add both numbers\necho 0\n\n\n# FIXME: say what is wrong\necho 1\n\n\n# TODO: name the result\necho 2\n";
    private const string Two = "#!/bin/sh\necho 0\n\n\n# FIXME: say what is wrong\necho 1\n\n\n# TODO: name the result\necho 2\n";
    private const string Last = "#!/bin/sh\necho 0\n\n\necho 1\n\n\n# TODO: name the result\necho 2\n";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Scan_ByFile_OneIssueForEachFileAndNeverAnother(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider, ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Three), ("src/one.sh", "# TODO: be quick\n"));

        Assert.Equal(["Address 3 findings in src/sum.sh", "Address TODO in src/one.sh:1"], ground.Repository.Issues.Select(i => i.Title).Order());
        var issue = ground.Repository.Issues.Single(i => i.Title.Contains("sum.sh", StringComparison.Ordinal));
        Assert.StartsWith("3 places in `src/sum.sh` ask for work", issue.Body, StringComparison.Ordinal);
        foreach (var said in (string[])["### 1. `Address TODO in src/sum.sh:2`", "`add both numbers`", "`say what is wrong`", "### 3. `Address TODO in src/sum.sh:10`", "`name the result`"])
        {
            Assert.Contains(said, issue.Body, StringComparison.Ordinal);
        }

        await ground.ScanAsync();
        await ground.ForgetAsync();
        await ground.ScanAsync();
        Assert.Equal(2, ground.Repository.Issues.Count);
        Assert.All(ground.Repository.Issues, i => Assert.Null(i.LastEdit));
        Assert.Equal([1, 3], await ground.ReadAsync((db, ct) => db.WorkItems.Select(w => w.Findings.Count).Order().ToListAsync(ct)));
    }

    [Fact]
    public async Task Scan_ByModule_OneIssueForADirectoryWithoutThoseBelow()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.Module);
        await ground.ScanAsync(("src/a.sh", "# TODO: one\n"), ("src/b.sh", "# TODO: two\n"), ("src/deep/c.sh", "# TODO: three\n"), ("d.sh", "# TODO: four\n"), ("e.sh", "# TODO: five\n"));
        Assert.Equal(["Address 2 findings in src", "Address 2 findings in the top directory", "Address TODO in src/deep/c.sh:1"], ground.Repository.Issues.Select(i => i.Title).Order());
    }

    [Fact]
    public async Task Scan_FindingsGoOneByOne_TheIssueFollowsAndIsClosedWithTheLast()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Three));
        await ground.ScanAsync(("src/sum.sh", Two));
        Assert.Equal("Address 2 findings in src/sum.sh", ground.Issue.Title);
        Assert.DoesNotContain("add both numbers", ground.Issue.Body, StringComparison.Ordinal);

        // What it was first made of is gone, and so is the store: it is still known by what is left.
        await ground.ForgetAsync();
        await ground.ScanAsync();
        Assert.Equal("Address 2 findings in src/sum.sh", ground.Issue.Title);
        await ground.ScanAsync(("src/sum.sh", Last));
        Assert.Equal("Address TODO in src/sum.sh:8", ground.Issue.Title);
        await ground.ForgetAsync();
        await ground.ScanAsync();
        Assert.True(ground.Issue.IsOpen);
        await ground.ScanAsync(("src/sum.sh", "echo 0\n"));
        Assert.False(ground.Issue.IsOpen);
        await ground.ScanAsync(("src/sum.sh", Last));
        Assert.True(ground.Issue.IsOpen);
    }

    [Fact]
    public async Task Scan_AnotherInTheSameFile_JoinsWhatWaitsAndNothingThatIsDecidedOn()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Last));
        await ground.ScanAsync(("src/sum.sh", Two));
        Assert.Equal("Address 2 findings in src/sum.sh", ground.Issue.Title);

        ground.Issue.Label("alice", ProposalLabels.Approved);
        await ground.PollAsync();
        var item = await ground.ReadAsync((db, ct) => db.WorkItems.Include(w => w.Findings).SingleAsync(ct));
        Assert.Equal((WorkItemState.Queued, 2), (item.State, item.Findings.Count));
        var prompt = (await ground.ApprovalAsync(item.Id)).Prompt;
        Assert.Contains("2 places in the code ask for work", prompt, StringComparison.Ordinal);
        Assert.Contains("say what is wrong", prompt, StringComparison.Ordinal);
        Assert.Contains("name the result", prompt, StringComparison.Ordinal);

        await ground.ScanAsync(("src/sum.sh", Three));
        Assert.Equal(["Address 2 findings in src/sum.sh", "Address TODO in src/sum.sh:2"], ground.Repository.Issues.Select(i => i.Title).Order());
        Assert.Equal(2, await ground.ReadAsync((db, ct) => db.Findings.CountAsync(f => f.WorkItemId == item.Id, ct)));
    }

    [Fact]
    public async Task Scan_IssueEditedByAPerson_StaysTheirs()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Three));
        ground.Issue.Edit("alice", title: "Sums are wrong");
        await ground.ScanAsync(("src/sum.sh", Two));
        Assert.Equal("Sums are wrong", ground.Issue.Title);
        Assert.Contains("add both numbers", ground.Issue.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rejected_OneGoesOrComesBack_StaysRejectedUntilOneSaysSomethingElse()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Three));
        ground.Issue.Close("alice", "not_planned");
        await ground.PollAsync();
        var item = await ground.ReadAsync((db, ct) => db.WorkItems.SingleAsync(ct));
        Assert.Equal(WorkItemState.Rejected, item.State);

        await ground.ScanAsync(("src/sum.sh", Two));
        await ground.ScanAsync(("src/sum.sh", Three));
        Assert.Equal(WorkItemState.Rejected, (await ground.ItemAsync(item.Id)).State);
        Assert.False(ground.Issue.IsOpen);

        await ground.ForgetAsync();
        await ground.ScanAsync();
        Assert.False(ground.Issue.IsOpen);
        await ground.ScanAsync(("src/sum.sh", Three.Replace("say what is wrong", "say what is wrong, and where", StringComparison.Ordinal)));
        Assert.True(ground.Issue.IsOpen);
    }

    [Fact]
    public async Task Take_EmptyStore_ApprovedGroup_IsApprovedWithAllOfIt()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", Three));
        ground.Issue.Label("alice", ProposalLabels.Approved);
        await ground.ForgetAsync();

        var taken = RunGround.Good(await ground.Get<IssueIntake>().TakeAsync(TestStore.Operation, ProposalGround.Manager, ground.Issue.Number, Ct));
        Assert.Equal((WorkItemState.Queued, 3), (taken.Item.State, taken.Findings.Count));
        await ground.DrainAsync();
        Assert.Null(ground.Issue.LastEdit);
        Assert.Contains("3 places in the code", (await ground.ApprovalAsync(taken.Item.Id)).Prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scan_MoreThanAGroupTakes_TheRestIsAnotherAndNoneIsLost()
    {
        await using var ground = await ProposalGround.StartAsync(grouping: ProposalGroups.File);
        await ground.ScanAsync(("src/sum.sh", string.Concat(Enumerable.Range(1, 13).Select(i => $"# TODO: step number {i}\necho {i}\n\n\n\n\n"))));
        Assert.Equal(["Address 10 findings in src/sum.sh", "Address 3 findings in src/sum.sh"], ground.Repository.Issues.Select(i => i.Title).Order());
    }
}
