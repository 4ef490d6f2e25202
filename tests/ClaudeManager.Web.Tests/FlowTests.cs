using ClaudeManager.Core.Contracts;
using Microsoft.Playwright;

namespace ClaudeManager.Web.Tests;

/// <summary>What only a browser can show: the live circuit, scrolling, downloads, dialogs.</summary>
public sealed class FlowTests(Browser browser)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_EventsArrive_AppearsWithoutReloadingAndEnds()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var data = dashboard.Api.Data;
        var page = await OpenAsync(dashboard, "/runs/12");
        await Assertions.Expect(page.GetByTestId("run-state")).ToHaveAttributeAsync("data-state", "running");

        data.RunEvents[12].Add(new RunEventDto(12, 1, SampleData.Now, "message", "All tests pass <b>now</b>.", null));
        dashboard.Api.Publish("run.output", "run", 12);
        await Assertions.Expect(page.GetByTestId("transcript")).ToContainTextAsync("All tests pass <b>now</b>.");

        var index = data.Runs.FindIndex(run => run.Id == 12);
        data.Runs[index] = data.Runs[index] with { State = RunState.Ended, EndReason = RunEndReason.Completed, EndedAt = SampleData.Now, Branch = "agent/4-retry", ResultCommit = "abc" };
        dashboard.Api.Publish("run.changed", "run", 12);
        await Assertions.Expect(page.GetByTestId("run-state")).ToHaveAttributeAsync("data-state", "completed");
        await Assertions.Expect(page.GetByTestId("branch-name")).ToHaveTextAsync("agent/4-retry");
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task Patch_Downloaded_IsTheOneApiServes()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/runs/11");

        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByTestId("download-patch").ClickAsync());

        await using var stream = await download.CreateReadStreamAsync();
        using var reader = new StreamReader(stream);
        Assert.Equal(dashboard.Api.Data.Patch(11), await reader.ReadToEndAsync(Ct));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task WorkItems_Thousands_RendersAWindowAndReachesTheLast()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(extraItems: 3000), Ct);
        var page = await OpenAsync(dashboard, "/work-items?sort=id");
        await Assertions.Expect(page.GetByTestId("work-item-total")).ToHaveTextAsync("3,006 items");
        await Assertions.Expect(page.GetByTestId("work-item-row").First).ToContainTextAsync("Escape user input");

        // The height of what was never shown is an estimate: the second jump starts from what the first has measured.
        const string ToTheEnd = "window.scrollTo(0, document.documentElement.scrollHeight)";
        await page.EvaluateAsync(ToTheEnd);
        await Assertions.Expect(page.GetByText("Generated item 29").First).ToBeVisibleAsync();
        await page.EvaluateAsync(ToTheEnd);

        await Assertions.Expect(page.GetByText("Generated item 2999")).ToBeVisibleAsync();
        Assert.InRange(await page.GetByTestId("work-item-row").CountAsync(), 1, 100);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task WorkItems_Filtered_KeepsTheFilterInTheUrl()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/work-items");

        await page.GetByTestId("view-stuck").ClickAsync();
        await Assertions.Expect(page.GetByTestId("work-item-row")).ToHaveCountAsync(1);
        await page.GetByTestId("view-all").ClickAsync();
        // The one row of the view before must not be taken for the one that is searched for.
        await Assertions.Expect(page.GetByTestId("work-item-row")).Not.ToHaveCountAsync(1);
        await page.GetByTestId("work-item-search").FillAsync("csv");
        await page.GetByTestId("work-item-search").PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(dashboard.Address + "work-items?search=csv");
        await Assertions.Expect(page.GetByTestId("work-item-row")).ToHaveCountAsync(1);
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByTestId("work-item-row")).ToHaveCountAsync(1);
        await page.GetByTestId("work-item-row").ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Handle the empty line in the CSV reader");
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task Reject_WithAReason_IsConfirmedAndRemembered()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/work-items/2");

        await page.GetByTestId("reject").ClickAsync();
        await Assertions.Expect(page.GetByTestId("reject-confirm")).ToBeDisabledAsync();
        await page.GetByTestId("reject-reason").FillAsync("Not worth it.");
        await page.GetByTestId("reject-confirm").ClickAsync();

        await Assertions.Expect(page.GetByTestId("work-item-state")).ToHaveAttributeAsync("data-state", "rejected");
        Assert.Equal("Not worth it.", dashboard.Api.Data.Item(2).StateReason);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task ApproveSelected_OneChangedMeanwhile_SaysOfEachWhatBecameOfIt()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var data = dashboard.Api.Data;
        var page = await OpenAsync(dashboard, "/work-items");
        foreach (var row in new[] { "Escape user input", "Handle the empty line", "Retry when the mail server" })
        {
            await Row(page, row).GetByTestId("select").CheckAsync();
        }

        await Assertions.Expect(page.GetByTestId("selected-count")).ToHaveTextAsync("3 items selected");
        await page.GetByTestId("approve-selected").ClickAsync();
        await Assertions.Expect(page.GetByTestId("many-item")).ToHaveCountAsync(2);
        await Assertions.Expect(page.GetByTestId("many-left-out")).ToContainTextAsync("only a proposed one can be approved");
        await page.GetByTestId("many-agent").SelectOptionAsync("claude-code");
        await Assertions.Expect(page.GetByTestId("agent-command")).ToHaveTextAsync("claude --permission-mode dontAsk");
        await page.GetByTestId("tool").Nth(2).UncheckAsync();
        await page.GetByTestId("many-budget").FillAsync("1.5");
        await page.GetByTestId("many-budget").PressAsync("Tab");
        await Assertions.Expect(page.GetByTestId("many-total")).ToHaveTextAsync("2 runs, at most $3.00 in total");
        data.Change(2, item => item with { Pinned = true });
        await page.GetByTestId("many-approve").ClickAsync();

        await Assertions.Expect(page.GetByTestId("outcome")).ToHaveCountAsync(3);
        await Assertions.Expect(page.GetByTestId("outcome").Nth(1)).ToContainTextAsync("has changed since you saw it");
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("1 approved, 2 refused");
        await page.GetByTestId("many-close").ClickAsync();
        await Assertions.Expect(page.GetByTestId("selected-count")).ToHaveTextAsync("2 items selected");
        Assert.Equal([1], data.Approvals.Keys);
        Assert.Equal(("claude-code", 1.5m, "sha-of-claude"), (data.Approvals[1].Agent, data.Approvals[1].BudgetUsd, data.Approvals[1].ProgramSha256));
        Assert.Equal(["Read", "Edit"], data.Approvals[1].Tools);
        Assert.Equal((WorkItemState.Queued, WorkItemState.Proposed), (data.Item(1).State, data.Item(2).State));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task SelectAll_RejectedWithOneReason_DecidesOnEachOfTheList()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(extraItems: 200), Ct);
        var page = await OpenAsync(dashboard, "/work-items?state=proposed&search=Generated");
        await page.GetByTestId("select-all").CheckAsync();
        await Assertions.Expect(page.GetByTestId("selected-count")).ToHaveTextAsync("100 items selected");

        await page.GetByTestId("reject-selected").ClickAsync();
        await page.GetByTestId("reject-reason").FillAsync("Generated noise.");
        await page.GetByTestId("reject-confirm").ClickAsync();

        await Assertions.Expect(page.GetByText("100 work items rejected.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByTestId("work-item-total")).ToHaveTextAsync("100 items");
        await Assertions.Expect(page.GetByTestId("selection")).ToHaveCountAsync(0);
        Assert.Equal(100, dashboard.Api.Data.Items.Count(item => item is { State: WorkItemState.Rejected, StateReason: "Generated noise." }));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task SnoozeSelected_OneChangedMeanwhile_SnoozesTheOtherAndSaysWhy()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/work-items?state=proposed");
        await Row(page, "Escape user input").GetByTestId("select").CheckAsync();
        await Row(page, "Handle the empty line").GetByTestId("select").CheckAsync();
        dashboard.Api.Data.Change(1, item => item with { Pinned = true });

        await page.GetByTestId("snooze-selected").ClickAsync();
        await page.GetByText("For a week").ClickAsync();

        await Assertions.Expect(page.GetByTestId("outcome")).ToHaveCountAsync(2);
        await page.GetByTestId("outcomes-close").ClickAsync();
        Assert.Equal((WorkItemState.Proposed, WorkItemState.Snoozed), (dashboard.Api.Data.Item(1).State, dashboard.Api.Data.Item(2).State));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task RemoveRepository_Confirmed_IsRemovedAndCancelledIsNot()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/repositories/1");

        await page.GetByTestId("remove-repository").ClickAsync();
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Keep it" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        Assert.Contains(dashboard.Api.Data.Repositories, repository => repository.Id == 1);

        await page.GetByTestId("remove-repository").ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Remove", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("repository")).ToHaveCountAsync(2);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task Live_ApiGoesAndComesBack_SaysSoAndCatchesUp()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await OpenAsync(dashboard, "/");
        await Assertions.Expect(page.GetByTestId("live-state")).ToHaveTextAsync("Live");

        await dashboard.Api.StopAsync();
        await Assertions.Expect(page.GetByTestId("live-state")).ToHaveTextAsync("Reconnecting…");
        dashboard.Api.Data.Change(1, item => item with { State = WorkItemState.Rejected });
        await dashboard.Api.RestartAsync();

        await Assertions.Expect(page.GetByTestId("live-state")).ToHaveTextAsync("Live");
        await Assertions.Expect(page.GetByTestId("needs-approval")).ToHaveCountAsync(2);
        await page.Context.CloseAsync();
    }

    private static ILocator Row(IPage page, string title) => page.GetByTestId("work-item-row").Filter(new LocatorFilterOptions { HasText = title });

    private async Task<IPage> OpenAsync(DashboardFixture dashboard, string path)
    {
        var page = await browser.OpenAsync(dashboard.Address);
        await page.GotoAsync(path);
        return page;
    }
}
