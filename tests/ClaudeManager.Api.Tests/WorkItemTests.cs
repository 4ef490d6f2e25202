using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Api.Tests;

public sealed class WorkItemTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Audit_OfAPieceOfWork_HasOneCorrelationIdWhoeverDoesSomethingToIt()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        var ct = TestContext.Current.CancellationToken;
        var approved = await api.ApproveAsync(item.Id);
        await api.Client.CancelRunAsync(Assert.Single(approved.Runs).Id, ct);

        var (began, followed) = await api.Get<Store>().ReadAsync(async (db, token) => (
            await db.WorkItems.Select(w => w.CorrelationId).SingleAsync(token),
            await db.AuditEntries.Where(a => a.SubjectType == "work_item" || a.SubjectType == "run").Select(a => a.CorrelationId).ToListAsync(token)), ct);

        Assert.True(followed.Count >= 4, $"{followed.Count}");
        Assert.All(followed, id => Assert.Equal(began, id));
    }

    [Fact]
    public async Task Approve_WhatWasSeen_QueuesOneRunBoundToIt()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        var preview = await api.Client.PreviewApprovalAsync(item.Id, null, Ct);

        var approved = await api.Client.ApproveAsync(item.Id, new ApproveRequest(preview.Version, preview.PromptSha256, TestApi.Agent, 1.5m), Ct);

        Assert.Equal(WorkItemState.Queued, approved.Item.State);
        var approval = Assert.Single(approved.Approvals);
        Assert.Equal(("active", TestApi.Agent, preview.BaseCommit, preview.PromptSha256, 1.5m), (approval.State, approval.Agent, approval.BaseCommit, approval.PromptSha256, approval.BudgetUsd));
        var run = await api.Client.GetRunAsync(Assert.Single(approved.Runs).Id, Ct);
        Assert.Equal(RunState.Queued, run.Run.State);
        Assert.Equal(preview.Prompt, run.Prompt);
        Assert.Contains("tidy up", preview.Prompt, StringComparison.Ordinal);
        Assert.Equal(preview.Prompt, string.Concat(preview.Passages.Select(p => p.Text)));
    }

    [Fact]
    public async Task Approve_ByTwoAtOnce_QueuesOneRun()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();

        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Record.ExceptionAsync(() => api.ApproveAsync(item.Id)).AsTask()));

        Assert.Single(all, e => e is null);
        Assert.All(all.OfType<Exception>(), e => Assert.Equal(HttpStatusCode.Conflict, Assert.IsType<ManagerApiException>(e).Status));
        Assert.Equal(1, (await api.Client.ListRunsAsync([], item.Id, 0, 50, Ct)).Total);
    }

    [Fact]
    public async Task Approve_AnythingElseThanWhatWasSeen_IsRefusedAndNothingIsQueued()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();

        await Refused.WithAsync(HttpStatusCode.Conflict, "stale_version", () => api.ApproveAsync(item.Id, r => r with { Version = r.Version - 1 }));
        await Refused.WithAsync(HttpStatusCode.Conflict, "prompt_changed", () => api.ApproveAsync(item.Id, r => r with { PromptSha256 = new string('0', 64) }));
        var agent = await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.ApproveAsync(item.Id, r => r with { Agent = "command:nobody" }));
        var budget = await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.ApproveAsync(item.Id, r => r with { BudgetUsd = 5.01m }));
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.ApproveAsync(item.Id, r => r with { BudgetUsd = 0 }));
        var tools = await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.ApproveAsync(item.Id, r => r with { Tools = ["Bash(*)"] }));
        var missing = await Refused.WithAsync(HttpStatusCode.ServiceUnavailable, "agent_unavailable", () => api.ApproveAsync(item.Id, r => r with { Agent = TestApi.MissingAgent }));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.ApproveAsync(item.Id + 100));

        Assert.Equal(["agent"], agent.Errors.Keys);
        Assert.Contains(TestApi.Agent, agent.Detail, StringComparison.Ordinal);
        Assert.Equal(["budgetUsd"], budget.Errors.Keys);
        Assert.Equal(["tools"], tools.Errors.Keys);
        Assert.Contains("no-such-program-anywhere", missing.Detail, StringComparison.Ordinal);
        Assert.Equal(item, await api.OnlyAsync());
        Assert.Equal(0, (await api.Client.ListRunsAsync([], null, 0, 50, Ct)).Total);
    }

    [Fact]
    public async Task Approve_TextChangedSinceItWasSeen_IsRefused()
    {
        await using var api = await TestApi.StartAsync();
        var (files, repository) = await api.ProposedAsync(("a.py", "# TODO: tidy up\nx = 1\n"));
        var item = await api.OnlyAsync();
        var seen = await api.Client.PreviewApprovalAsync(item.Id, null, Ct);
        await files.Write("a.py", "# TODO: tidy up\nx = 2\n").CommitAsync("Meanwhile", Ct);
        await api.Client.ScanRepositoryAsync(repository.Id, false, null, Ct);

        await Refused.WithAsync(HttpStatusCode.Conflict, "prompt_changed", () => api.Client.ApproveAsync(item.Id, new ApproveRequest(seen.Version, seen.PromptSha256), Ct));
    }

    [Fact]
    public async Task Preview_CommandAgent_ShowsTheProgramBehindTheName()
    {
        var command = new CommandAgentConfiguration { Program = "sh", Args = ["-c", "echo two words"], Environment = new Dictionary<string, string> { ["MODE"] = "fast" } };
        await using var api = await TestApi.StartAsync(c => c with { Executor = c.Executor with { Commands = new Dictionary<string, CommandAgentConfiguration> { ["test"] = command } } });
        var item = await api.ItemAsync();

        var preview = await api.Client.PreviewApprovalAsync(item.Id, null, Ct);

        var program = preview.Agents.Single(a => a.Name == TestApi.Agent).Program!;
        Assert.Equal(["sh", "-c", "echo two words"], program.Command);
        Assert.Equal("sh -c 'echo two words'", program.CommandLine());
        Assert.Equal(["MODE"], program.Variables);
        Assert.True(program.Network);
        Assert.False(program.TakesTools);
        Assert.True(preview.Agents.Single(a => a.Name == "claude-code").Program!.TakesTools);
        Assert.Equal(SandboxLevel.Process, preview.Sandbox);
    }

    public static TheoryData<string, CommandAgentConfiguration> OtherPrograms => new()
    {
        { "program", new() { Program = "cat", Args = ["-c", "true"] } },
        { "argument", new() { Program = "sh", Args = ["-c", "false"] } },
        { "arguments joined", new() { Program = "sh", Args = ["-c true"] } },
        { "variable", new() { Program = "sh", Args = ["-c", "true"], Environment = new Dictionary<string, string> { ["LD_PRELOAD"] = "./evil.so" } } },
    };

    [Theory]
    [MemberData(nameof(OtherPrograms))]
    public async Task Approve_ProgramChangedSinceItWasSeenOrApproved_DoesNotRun(string what, CommandAgentConfiguration other)
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        var seen = await api.Client.PreviewApprovalAsync(item.Id, null, Ct);
        var program = seen.Agents.Single(a => a.Name == TestApi.Agent).Program!.Sha256;
        var configured = api.Get<CurrentConfiguration>().Value;
        var changed = configured with { Executor = configured.Executor with { Commands = new Dictionary<string, CommandAgentConfiguration>(configured.Executor.Commands) { ["test"] = other } } };

        api.Get<CurrentConfiguration>().Swap(changed);
        await Refused.WithAsync(HttpStatusCode.Conflict, "program_changed", () => api.ApproveAsync(item.Id, r => r with { ProgramSha256 = program }));
        api.Get<CurrentConfiguration>().Swap(configured);
        await api.ApproveAsync(item.Id, r => r with { ProgramSha256 = program });
        api.Get<CurrentConfiguration>().Swap(changed);

        Assert.Contains("changed since it was approved", (await api.Client.ExplainAsync(item.Id, Ct)).Single(g => g.Name == "approval").Why, StringComparison.Ordinal);
        Assert.Null(await ClaimAsync(api));
        var now = await api.Client.GetWorkItemAsync(item.Id, Ct);
        Assert.Equal(WorkItemState.Proposed, now.Item.State);
        Assert.Contains("changed since it was approved", now.Item.StateReason, StringComparison.Ordinal);
        Assert.Equal("stale", Assert.Single(now.Approvals).State);
        Assert.Equal(RunEndReason.PolicyBlocked, Assert.Single(now.Runs).EndReason);
        Assert.True(what == "variable" || now.Item.StateReason!.Contains("sh -c true", StringComparison.Ordinal), now.Item.StateReason);
    }

    [Fact]
    public async Task Explain_OutsideTheWindows_SaysWhenTheNextOneOpensAndNothingIsClaimed()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        await api.ApproveAsync(item.Id);
        var configured = api.Get<CurrentConfiguration>().Value;
        var now = TimeProvider.System.GetUtcNow();
        var opens = new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, 0, 0, TimeSpan.Zero).AddHours(3);

        api.Get<CurrentConfiguration>().Swap(configured with { Executor = configured.Executor with { Windows = [Window(opens, opens.AddHours(1))] } });
        var closed = Assert.Single(await api.Client.ExplainAsync(item.Id, Ct), g => !g.Open);
        Assert.Equal(("window", opens), (closed.Name, closed.ClearsAt));
        Assert.False(await api.Get<RunQueue>().HasWaitingAsync(Ct));
        Assert.Null(await ClaimAsync(api));

        api.Get<CurrentConfiguration>().Swap(configured with { Executor = configured.Executor with { Windows = [Window(opens.AddHours(-6), opens)] } });
        Assert.Empty(await ClosedAsync(api, item.Id));
        Assert.True(await api.Get<RunQueue>().HasWaitingAsync(Ct));
        Assert.NotNull(await ClaimAsync(api));

        // A run under way goes on when its window closes.
        api.Get<CurrentConfiguration>().Swap(configured with { Executor = configured.Executor with { Windows = [Window(opens, opens.AddHours(1))] } });
        Assert.Empty(await ClosedAsync(api, item.Id));

        static RunWindow Window(DateTimeOffset from, DateTimeOffset to) => new(Enum.GetValues<DayOfWeek>(), from.TimeOfDay, to.TimeOfDay, "UTC");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Overview_DefaultAgentMissing_SaysSoOnce(bool another)
    {
        await using var api = await TestApi.StartAsync(c => c with { Executor = c.Executor with { DefaultExecutor = TestApi.MissingAgent, Commands = c.Executor.Commands.Where(p => another || p.Key == "missing").ToDictionary() } });

        var overview = await api.Client.GetOverviewAsync(Ct);

        Assert.Contains("no-such-program-anywhere", overview.Agents.Single(a => a.Name == TestApi.MissingAgent).Problem, StringComparison.Ordinal);
        Assert.Equal(another ? 1 : 0, overview.Notices.Count);
    }

    [Fact]
    public async Task Withdraw_BeforeItStarts_TakesTheRunOutOfTheQueue()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        await api.ApproveAsync(item.Id);

        var withdrawn = await api.Client.WithdrawApprovalAsync(item.Id, Ct);

        Assert.Equal(WorkItemState.Proposed, withdrawn.Item.State);
        Assert.Equal("withdrawn", Assert.Single(withdrawn.Approvals).State);
        Assert.Equal(RunEndReason.Cancelled, Assert.Single(withdrawn.Runs).EndReason);
        await Refused.WithAsync(HttpStatusCode.Conflict, "not_waiting", () => api.Client.WithdrawApprovalAsync(item.Id, Ct));
    }

    [Fact]
    public async Task Reject_IsRememberedOverRescansAndEndsWhenTheTextChanges()
    {
        await using var api = await TestApi.StartAsync();
        var (files, repository) = await api.ProposedAsync(("a.py", "# TODO: tidy up\nx = 1\n"));
        var item = await api.OnlyAsync();
        var invalid = await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.RejectAsync(item.Id, new RejectRequest(item.Version, " "), Ct));
        Assert.Equal(["reason"], invalid.Errors.Keys);

        await api.Client.RejectAsync(item.Id, new RejectRequest(item.Version, "Not worth it"), Ct);
        await files.Write("a.py", "y = 0\n\n# TODO: tidy up\nx = 1\n").CommitAsync("Moved", Ct);
        await api.Client.ScanRepositoryAsync(repository.Id, full: true, null, Ct);

        var still = await api.OnlyAsync();
        Assert.Equal((WorkItemState.Rejected, "Not worth it"), (still.State, still.StateReason));

        await files.Write("a.py", "y = 0\n\n# TODO: tidy up the whole module instead\nx = 1\n").CommitAsync("Changed", Ct);
        await api.Client.ScanRepositoryAsync(repository.Id, full: false, null, Ct);

        var proposed = Assert.Single((await api.Client.ListWorkItemsAsync([WorkItemState.Proposed], null, null, null, 0, 50, Ct)).Items);
        Assert.Contains("whole module", (await api.Client.GetWorkItemAsync(proposed.Id, Ct)).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scan_FindingGoneWhileItsRunWaits_ClosesTheItemAndTheRunIsNeverClaimed()
    {
        await using var api = await TestApi.StartAsync();
        var (files, repository) = await api.ProposedAsync(("a.py", "# TODO: tidy up\nx = 1\n"));
        var item = await api.OnlyAsync();
        await api.ApproveAsync(item.Id);
        await files.Write("a.py", "x = 1\n").CommitAsync("Done by hand", Ct);

        await api.Client.ScanRepositoryAsync(repository.Id, false, null, Ct);

        Assert.Null(await ClaimAsync(api));
        var closed = await api.Client.GetWorkItemAsync(item.Id, Ct);
        Assert.Equal(WorkItemState.Closed, closed.Item.State);
        Assert.Equal(RunEndReason.Cancelled, Assert.Single(closed.Runs).EndReason);
    }

    [Fact]
    public async Task Snooze_UntilLater_TakesItOutAndReopenBringsItBack()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        var now = TimeProvider.System.GetUtcNow();
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.SnoozeAsync(item.Id, new SnoozeRequest(item.Version, now.AddMinutes(-1)), Ct));
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.SnoozeAsync(item.Id, new SnoozeRequest(item.Version, now.AddYears(6)), Ct));

        var snoozed = await api.Client.SnoozeAsync(item.Id, new SnoozeRequest(item.Version, now.AddDays(3)), Ct);

        Assert.Equal(WorkItemState.Snoozed, snoozed.Item.State);
        Assert.Equal(now.AddDays(3), snoozed.Item.SnoozedUntil);
        Assert.Equal(now.AddDays(3), snoozed.Gates[0].ClearsAt);
        var back = await api.Client.ReopenAsync(item.Id, Ct);
        Assert.Equal((WorkItemState.Proposed, (DateTimeOffset?)null), (back.Item.State, back.Item.SnoozedUntil));
        await Refused.WithAsync(HttpStatusCode.Conflict, "already_open", () => api.Client.ReopenAsync(item.Id, Ct));
    }

    [Fact]
    public async Task PinAndScore_ChangeTheOrderAndAskForTheSeenVersion()
    {
        await using var api = await TestApi.StartAsync();
        await api.ProposedAsync(("a.py", "# FIXME: security hole\n"), ("b.py", "# TODO: wording\n"), ("c.py", "# TODO: wording\n"));
        var all = (await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, Ct)).Items;
        var (low, middle) = (all[^1], all[^2]);

        await api.Client.PinAsync(low.Id, new PinRequest(low.Version, true), Ct);
        await api.Client.OverrideScoreAsync(middle.Id, new OverrideScoreRequest(middle.Version, 10, "The customer waits"), Ct);

        Assert.Equal([low.Id, middle.Id], (await api.Client.ListWorkItemsAsync([], null, null, null, 0, 2, Ct)).Items.Select(i => i.Id));
        await Refused.WithAsync(HttpStatusCode.Conflict, "stale_version", () => api.Client.PinAsync(low.Id, new PinRequest(low.Version, false), Ct));
        var current = (await api.Client.GetWorkItemAsync(middle.Id, Ct)).Item;
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.OverrideScoreAsync(middle.Id, new OverrideScoreRequest(current.Version, 11, "More"), Ct));
        Assert.Equal(middle.Score, (await api.Client.OverrideScoreAsync(middle.Id, new OverrideScoreRequest(current.Version, null, "Back"), Ct)).Item.Score);
    }

    [Fact]
    public async Task New_ByAPerson_IsProposedLikeAnyOtherAndCanBeApproved()
    {
        await using var api = await TestApi.StartAsync();
        var (_, repository) = await api.ProposedAsync(("a.py", "x = 1\n"));
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.NewWorkItemAsync(new NewWorkItemRequest(repository.Id, " ", "text"), Ct));
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.NewWorkItemAsync(new NewWorkItemRequest(repository.Id, "title", ""), Ct));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.NewWorkItemAsync(new NewWorkItemRequest(repository.Id + 1, "title", "text"), Ct));

        var made = await api.Client.NewWorkItemAsync(new NewWorkItemRequest(repository.Id, "Add a changelog", "Keep one."), Ct);

        Assert.Equal((WorkItemState.Proposed, "Add a changelog"), (made.Item.State, made.Item.Title));
        Assert.Equal(WorkItemState.Queued, (await api.ApproveAsync(made.Item.Id)).Item.State);
    }

    [Fact]
    public async Task Explain_InEveryState_NamesTheFirstClosedGate()
    {
        await using var api = await TestApi.StartAsync(c => c with { Executor = c.Executor with { MaxConcurrentRuns = 1 } });
        await api.ProposedAsync(("a.py", "# TODO: one\n"));
        var first = await api.OnlyAsync();
        await api.ProposedAsync(("z.py", "# TODO: two\n"));
        var second = (await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, Ct)).Items.Single(i => i.Id != first.Id);

        Assert.Equal(["state", "approval"], await ClosedAsync(api, first.Id));
        await api.ApproveAsync(first.Id);
        Assert.Empty(await ClosedAsync(api, first.Id));

        var claim = await ClaimAsync(api);
        Assert.Equal(first.Id, claim!.Item.Id);
        await api.ApproveAsync(second.Id);
        Assert.Equal(["concurrency"], await ClosedAsync(api, second.Id));
        Assert.Null(await ClaimAsync(api));

        var until = TimeProvider.System.GetUtcNow().AddHours(2);
        await api.Get<Store>().WriteAsync(Tester, async (tx, ct) =>
        {
            var run = await tx.Db.Runs.Include(r => r.WorkItem).SingleAsync(r => r.Id == claim.Run.Id, ct);
            run.NotBefore = until;
            RunStateMachine.Move(tx, run, RunState.Parked, "Usage limit");
            WorkItemStateMachine.Move(tx, run.WorkItem!, WorkItemState.Parked, "Usage limit");
        }, Ct);
        var parked = await api.Client.ExplainAsync(first.Id, Ct);
        Assert.Equal(until, parked.Single(g => !g.Open).ClearsAt);
        Assert.Equal("window", parked.Single(g => !g.Open).Name);
        Assert.Empty(await ClosedAsync(api, second.Id));

        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.ExplainAsync(999, Ct));
        Assert.All(parked.Where(g => !g.Open && g.ClearsAt is null), g => Assert.NotNull(g.Fix));
    }

    [Fact]
    public async Task Explain_WhileItRuns_HasNoClosedGate()
    {
        await using var api = await TestApi.StartAsync(c => c with { Executor = c.Executor with { MaxConcurrentRuns = 1 } });
        var item = await api.ItemAsync();
        await api.ApproveAsync(item.Id);
        await ClaimAsync(api);

        Assert.Empty(await ClosedAsync(api, item.Id));
    }

    [Fact]
    public async Task Explain_BudgetSpent_SaysWhenItOpens()
    {
        await using var api = await TestApi.StartAsync(c => c with { Budgets = new BudgetsConfiguration { PerRepositoryPerDayUsd = 1 } });
        var item = await api.ItemAsync();
        await api.ApproveAsync(item.Id);
        await api.Get<Store>().WriteAsync(Tester, (tx, ct) => tx.Db.Runs.ExecuteUpdateAsync(u => u.SetProperty(r => r.CostMicroUsd, 1_000_000).SetProperty(r => r.StartedAt, tx.Now), ct), Ct);

        var closed = Assert.Single(await api.Client.ExplainAsync(item.Id, Ct), g => !g.Open);
        Assert.Equal("budget", closed.Name);
        Assert.Equal(TimeSpan.Zero, closed.ClearsAt!.Value.TimeOfDay);
        Assert.Null(await ClaimAsync(api));
    }

    [Fact]
    public async Task List_PagesFiltersAndSorts()
    {
        await using var api = await TestApi.StartAsync(c => c with { Analyzer = c.Analyzer with { MaxIssuesPerRepo = 100 } });
        var (_, one) = await api.ProposedAsync([.. Enumerable.Range(0, 7).Select(n => ($"f{n}.py", $"# TODO: number {n} %_\n"))]);
        await api.ProposedAsync(("other.py", "# FIXME: elsewhere\n"));

        var pages = new List<WorkItemDto>();
        for (var skip = 0; skip < 8; skip += 3)
        {
            var page = await api.Client.ListWorkItemsAsync([], null, null, "title", skip, 3, Ct);
            Assert.Equal(8, page.Total);
            pages.AddRange(page.Items);
        }

        Assert.Equal(8, pages.DistinctBy(i => i.Id).Count());
        Assert.Equal(pages.Select(i => i.Title).Order(StringComparer.Ordinal), pages.Select(i => i.Title));
        Assert.Equal(pages.Select(i => i.Id).Order().Reverse(), (await api.Client.ListWorkItemsAsync([], null, null, "-id", 0, 50, Ct)).Items.Select(i => i.Id));
        Assert.Equal(7, (await api.Client.ListWorkItemsAsync([], one.Id, null, null, 0, 50, Ct)).Total);
        Assert.Equal(1, (await api.Client.ListWorkItemsAsync([], null, "NUMBER 3", null, 0, 50, Ct)).Total);
        Assert.Equal(7, (await api.Client.ListWorkItemsAsync([], null, "%_", null, 0, 50, Ct)).Total);
        Assert.Equal(0, (await api.Client.ListWorkItemsAsync([], null, "%r%", null, 0, 50, Ct)).Total);
        Assert.Equal(8, (await api.Client.ListWorkItemsAsync([WorkItemState.Proposed, WorkItemState.Done], null, null, null, 0, 500, Ct)).Total);
        Assert.Empty((await api.Client.ListWorkItemsAsync([], null, null, null, 100, 50, Ct)).Items);
    }

    [Theory]
    [InlineData("work-items?state=open", "state", "proposed, approved, queued")]
    [InlineData("work-items?state=proposed&state=PROPOSED", "state", "proposed, approved, queued")]
    [InlineData("runs?state=waiting", "state", "queued, preparing, running")]
    [InlineData("work-items?take=0", "take", "")]
    [InlineData("work-items?take=501", "take", "")]
    [InlineData("work-items?skip=-1", "skip", "")]
    [InlineData("work-items?sort=password", "sort", "score, updated, title, id")]
    [InlineData("runs?take=501", "take", "")]
    [InlineData("repositories?take=501", "take", "")]
    [InlineData("runs/1/events?take=501", "take", "")]
    public async Task List_OutOfBounds_IsInvalidWithWhatIsAllowed(string path, string field, string allowed)
    {
        await using var api = await TestApi.StartAsync();

        using var response = await api.SendAsync(HttpMethod.Get, "/api/v1/" + path);

        var problem = await Refused.ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal("invalid", problem.GetProperty("code").GetString());
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _));
        Assert.Contains(allowed, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_CancelRetryAndResume_AnswerByState()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        var run = Assert.Single((await api.ApproveAsync(item.Id)).Runs).Id;

        await Refused.WithAsync(HttpStatusCode.Conflict, "still_running", () => api.Client.RetryRunAsync(run, Ct));
        Assert.Equal(RunEndReason.Cancelled, (await api.Client.CancelRunAsync(run, Ct)).Run.EndReason);
        await Refused.WithAsync(HttpStatusCode.Conflict, "already_ended", () => api.Client.CancelRunAsync(run, Ct));
        await Refused.WithAsync(HttpStatusCode.Conflict, "nothing_to_resume", () => api.Client.ResumeRunAsync(run, Ct));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.GetRunPatchAsync(run, Ct));

        var again = await api.Client.RetryRunAsync(run, Ct);

        Assert.Equal($"/api/v1/runs/{again.RunId}", again.Location);
        Assert.Equal(RunState.Queued, (await api.Client.GetRunAsync(again.RunId!.Value, Ct)).Run.State);
        await Refused.WithAsync(HttpStatusCode.Conflict, "already_queued", () => api.Client.RetryRunAsync(run, Ct));
        foreach (var call in new Func<Task>[] { () => api.Client.GetRunAsync(999, Ct), () => api.Client.CancelRunAsync(999, Ct), () => api.Client.RetryRunAsync(999, Ct), () => api.Client.ResumeRunAsync(999, Ct) })
        {
            await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", call);
        }
    }

    private static OperationContext Tester => OperationContext.Create("test", "local:tester");

    private static async Task<IEnumerable<string>> ClosedAsync(TestApi api, long item) => (await api.Client.ExplainAsync(item, Ct)).Where(g => !g.Open).Select(g => g.Name);

    private static async Task<ClaimedRun?> ClaimAsync(TestApi api) => (await api.Get<RunQueue>().ClaimAsync(Tester, "boot", 1, _ => true, [], Ct)).SingleOrDefault();
}
