using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;
using ClaudeManager.Web.Tests;
using Microsoft.Playwright;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>A result the diff gate blocked, published by a person on the page of its run.</summary>
public sealed class LiftTests(Browser browser)
{
    private const float PatienceMs = 120_000;
    private const string Reason = "The workflow was agreed on.";
    private const string Agent = "cat >/dev/null; mkdir -p .github/workflows; echo 'on: push' >.github/workflows/ci.yml; echo 'echo done' >main.sh";

    private static readonly LocatorAssertionsToHaveAttributeOptions s_attribute = new() { Timeout = PatienceMs };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunBlockedByAProtectedPath_PublishedAnywayWithAReason_IsABranchUnderThatName()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("main.sh", "# TODO: say so\n"));
        var configuration = JsonSerializer.Serialize(new { executor = new { commands = new { agent = new { program = "sh", args = (string[])["-c", Agent] } }, verify = new Dictionary<string, string[][]> { ["*"] = [["sh", "main.sh"]] } } });
        await using var manager = await ManagerProcess.StartAsync(Ct, configuration: configuration);
        var registered = await manager.Api.AddRepositoryAsync(new AddRepositoryRequest(repository.Path, Propose: true), Ct);
        await manager.Api.ScanRepositoryAsync(registered.Id, full: false, propose: null, Ct);
        var item = Assert.Single((await manager.Api.ListWorkItemsAsync([WorkItemState.Proposed], registered.Id, null, null, 0, 10, Ct)).Items);
        var blocked = await manager.ApproveAsync(item.Id, "command:agent", Ct);
        await manager.WaitForAsync((api, ct) => api.GetRunAsync(blocked.Id, ct), run => run.Run.State == RunState.Ended, "the run ends", Ct);

        var page = await browser.OpenAsync(manager.Address);
        page.SetDefaultTimeout(PatienceMs);
        await page.GotoAsync($"/runs/{blocked.Id}");
        await Assertions.Expect(page.GetByTestId("run-state")).ToHaveAttributeAsync("data-state", "policy_blocked", s_attribute);
        await page.GetByTestId("lift-block").ClickAsync();
        await page.GetByTestId("lift-reason").FillAsync(Reason);
        await page.GetByTestId("lift-confirm").ClickAsync();

        await page.WaitForURLAsync(url => url.Contains("/runs/", StringComparison.Ordinal) && !url.EndsWith($"/runs/{blocked.Id}", StringComparison.Ordinal));
        await Assertions.Expect(page.GetByTestId("run-state")).ToHaveAttributeAsync("data-state", "completed", s_attribute);
        await Assertions.Expect(page.GetByText(Reason)).ToBeVisibleAsync();
        await page.Context.CloseAsync();

        var published = await manager.Api.GetRunAsync(long.Parse(page.Url[(page.Url.LastIndexOf('/') + 1)..], System.Globalization.CultureInfo.InvariantCulture), Ct);
        Assert.Equal("on: push", await repository.GitAsync(Ct, "show", published.Run.Branch + ":.github/workflows/ci.yml"));
        var lifted = Assert.Single(published.History, entry => entry.Action == "run.block_lifted");
        Assert.Equal(("local:" + System.Environment.UserName, Reason), (lifted.Actor, lifted.Detail));
        Assert.Equal(WorkItemState.Review, (await manager.Api.GetWorkItemAsync(item.Id, Ct)).Item.State);
    }
}
