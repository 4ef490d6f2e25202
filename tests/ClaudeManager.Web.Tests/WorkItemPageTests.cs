using Bunit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Pages.WorkItems;

namespace ClaudeManager.Web.Tests;

public sealed class WorkItemPageTests : PageContext
{
    [Fact]
    public void Render_HostileTitle_ShowsItAsTextWithHiddenCharactersSpelledOut()
    {
        var page = Open(3);

        page.WaitForAssertion(() => Assert.Equal("<script>alert(1)</script> & ⟨U+202E⟩gnp.exe", page.Find("h1").TextContent));
        Assert.Empty(page.FindAll("script"));
    }

    [Theory]
    [InlineData("https://github.com/acme/manager/issues/7", true)]
    [InlineData("javascript:alert(1)", false)]
    public void Render_ProposedAsAnIssue_LinksItWhenItsAddressIsOneOfTheWeb(string url, bool linked)
    {
        Data.Issue = new IssueDto("acme/manager", 7, url, IsOpen: false);
        var issue = Open(2).WaitForElement("[data-testid=issue]");

        Assert.Equal("acme/manager#7 (closed)", issue.TextContent.Trim());
        Assert.Equal(linked ? [url] : [], issue.QuerySelectorAll("a").Select(a => a.GetAttribute("href")));
    }

    [Fact]
    public void Render_SeveralFindings_ShowsTheCodeOfEach()
    {
        Data.MoreFindings.Add(new FindingDto(null, "todo-comments", "other", "src/<b>.cs", 7, 7, "FIXME", "say why", null, "C#", "// FIXME: say why\n", 7, null, null, null, 3, true));
        var page = Open(2);
        page.WaitForElement("[data-testid=finding]");

        Assert.Equal(2, page.FindAll("[data-testid=finding]").Count);
        Assert.Equal("src/<b>.cs:7", page.FindAll("[data-testid=finding] h2")[1].TextContent);
    }

    [Fact]
    public async Task Approve_AsShown_SendsWhatWasShownAndLinksTheRun()
    {
        var page = Open(2);
        await page.DoAsync("[data-testid=approve]", element => element.Click());

        page.WaitForAssertion(() => Assert.EndsWith("/runs/102", page.Find("[data-testid=run-link]").GetAttribute("href"), StringComparison.Ordinal));
        Assert.Equal("queued", page.Find("[data-testid=work-item-state]").GetAttribute("data-state"));
        Assert.Empty(page.FindAll("[data-testid=approve]"));
    }

    [Fact]
    public async Task Approve_ChangedMeanwhile_SaysSoAndApprovesNothing()
    {
        var page = Open(2);
        page.WaitForElement("[data-testid=approve]");
        // Without an event: the page cannot know before it asks.
        Data.Change(2, item => item with { Title = "Another title" });

        await page.DoAsync("[data-testid=approve]", element => element.Click());

        page.WaitForAssertion(() => Assert.Contains("It changed while you were looking at it", page.Find("[data-testid=problem]").TextContent, StringComparison.Ordinal));
        Assert.Contains("4bf92f3577b34da6a3ce929d0e0e4736", page.Find("[data-testid=problem]").TextContent, StringComparison.Ordinal);
        Assert.Equal("Another title", page.Find("h1").TextContent);
        Assert.Equal(WorkItemState.Proposed, Data.Item(2).State);
    }

    [Fact]
    public async Task Event_PromptIsAnotherOne_KeepsWhatIsReadAndHoldsTheApprovalUntilTheNewOneIsShown()
    {
        var page = Open(2);
        await page.DoAsync("[data-testid=prompt-raw]", element => element.Click());
        Data.Prompt = "Do something else entirely.";
        Data.Change(2, item => item);
        Api.Publish("work_item.changed", "work_item", 2);

        page.WaitForElement("[data-testid=approval-outdated]");
        Assert.DoesNotContain("something else", page.Find("[data-testid=prompt-text]").TextContent, StringComparison.Ordinal);
        Assert.True(page.Find("[data-testid=approve]").HasAttribute("disabled"));

        await page.DoAsync("[data-testid=approval-outdated] button", element => element.Click());

        page.WaitForAssertion(() => Assert.False(page.Find("[data-testid=approve]").HasAttribute("disabled")));
        Assert.Equal("Do something else entirely.", page.Find("[data-testid=prompt-text]").TextContent);
    }

    [Fact]
    public async Task Event_OnlyTheVersionIsAnother_LeavesTheApprovalOpenAndValid()
    {
        var page = Open(2);
        await page.DoAsync("[data-testid=approve-budget]", element => element.Change("1.25"));
        Data.Change(2, item => item with { Pinned = true });
        Api.Publish("work_item.changed", "work_item", 2);
        page.WaitForAssertion(() => Assert.Equal("true", page.Find("[data-testid=pin]").GetAttribute("aria-pressed")));

        Assert.Empty(page.FindAll("[data-testid=approval-outdated]"));
        Assert.Equal("1.25", page.Find("[data-testid=approve-budget]").GetAttribute("value"));
        await page.DoAsync("[data-testid=approve]", element => element.Click());
        page.WaitForAssertion(() => Assert.Equal(WorkItemState.Queued, Data.Item(2).State));
    }

    [Fact]
    public async Task Approve_AgentToolsAndBudgetChosen_SendsThemWithTheProgramThatWasShown()
    {
        var page = Open(2);
        Assert.Equal("prettier --write 'src and tests'", page.WaitForElement("[data-testid=agent-command]").TextContent);
        Assert.Empty(page.FindAll("[data-testid=tool]"));
        await page.DoAsync("[data-testid=approve-agent]", element => element.Change("claude-code"));
        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("[data-testid=tool]").Count));
        Assert.Equal("claude --permission-mode dontAsk", page.Find("[data-testid=agent-command]").TextContent);
        await page.InvokeAsync(() => page.FindAll("[data-testid=tool]")[2].Change(false));
        await page.DoAsync("[data-testid=approve-budget]", element => element.Change("1.25"));

        await page.DoAsync("[data-testid=approve]", element => element.Click());

        page.WaitForAssertion(() => Assert.Equal(WorkItemState.Queued, Data.Item(2).State));
        var sent = Data.Approvals[2];
        Assert.Equal(("claude-code", 1.25m, "sha-of-claude"), (sent.Agent, sent.BudgetUsd, sent.ProgramSha256));
        Assert.Equal(["Read", "Edit"], sent.Tools);
    }

    [Fact]
    public async Task Tools_NoneLeft_CannotBeApproved()
    {
        var page = Open(2);
        await page.DoAsync("[data-testid=approve-agent]", element => element.Change("claude-code"));
        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("[data-testid=tool]").Count));
        for (var i = 0; i < 3; i++)
        {
            await page.InvokeAsync(() => page.FindAll("[data-testid=tool]")[i].Change(false));
            var left = 2 - i;
            page.WaitForAssertion(() => Assert.Equal(left, page.FindAll("[data-testid=tool][checked]").Count));
        }

        page.WaitForAssertion(() => Assert.True(page.Find("[data-testid=approve]").HasAttribute("disabled")));
        await page.InvokeAsync(() => page.FindAll("[data-testid=tool]")[0].Change(true));
        page.WaitForAssertion(() => Assert.False(page.Find("[data-testid=approve]").HasAttribute("disabled")));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("5.01")]
    [InlineData("much")]
    public async Task Budget_OutOfRange_CannotBeApproved(string budget)
    {
        var page = Open(2);
        await page.DoAsync("[data-testid=approve-budget]", element => element.Change(budget));

        page.WaitForAssertion(() => Assert.True(page.Find("[data-testid=approve]").HasAttribute("disabled")));
        Assert.Equal("true", page.Find("[data-testid=approve-budget]").GetAttribute("aria-invalid"));
    }

    [Fact]
    public void Render_UnknownItem_SaysThatItIsNotThere()
    {
        var page = Open(999);

        page.WaitForAssertion(() => Assert.Contains("There is no such thing.", page.Find("[data-testid=problem]").TextContent, StringComparison.Ordinal));
    }

    private IRenderedComponent<WorkItemPage> Open(long id) => Render<WorkItemPage>(parameters => parameters.Add(page => page.Id, id));
}
