using Bunit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Pages.Overview;

namespace ClaudeManager.Web.Tests;

public sealed class OverviewPageTests : PageContext
{
    [Fact]
    public void Render_NoRepository_OffersExactlyTwoWaysToBegin()
    {
        Data.Repositories.Clear();
        var page = Render<OverviewPage>();
        page.WaitForElement("[data-testid=add-sample]");

        Assert.Equal(["Add a repository", "Try it on a sample"], page.FindAll("section h2").Select(heading => heading.TextContent));
    }

    [Fact]
    public async Task AddSample_OneClick_ShowsItsWorkPlainlyLabelled()
    {
        Data.Repositories.Clear();
        Data.Items.Clear();
        var page = Render<OverviewPage>();
        await page.DoAsync("[data-testid=add-sample]", element => element.Click());

        page.WaitForAssertion(() => Assert.Contains("Sample", page.Find("[data-testid=needs-approval] .tag.sample").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preview_NotARepository_SaysWhatIsWrongAndAddsNothing()
    {
        Data.Repositories.Clear();
        var page = Render<OverviewPage>();
        await page.DoAsync("[data-testid=add-repository-path]", element => element.Input("nowhere"));
        await page.DoAsync("[data-testid=add-repository-form]", element => element.Submit());

        page.WaitForAssertion(() => Assert.Contains("There is no git repository at 'nowhere'.", page.Find("[data-testid=problem]").TextContent, StringComparison.Ordinal));
        Assert.Empty(Data.Repositories);
    }

    [Fact]
    public async Task Accept_AfterAPreview_AddsWhatWasPreviewedAndNotWhatWasTypedSince()
    {
        Data.Repositories.Clear();
        var page = Render<OverviewPage>();
        await page.DoAsync("[data-testid=add-repository-path]", element => element.Input("/src/one"));
        await page.DoAsync("[data-testid=add-repository-form]", element => element.Submit());
        page.WaitForElement("[data-testid=add-repository-accept]");
        await page.DoAsync("[data-testid=add-repository-path]", element => element.Input("/src/two"));
        await page.DoAsync("[data-testid=add-repository-accept]", element => element.Click());

        page.WaitForAssertion(() => Assert.Equal("/src/one", Assert.Single(Data.Repositories).Location));
    }

    [Fact]
    public void Event_WorkItemChanged_ShowsTheNewState()
    {
        var page = Render<OverviewPage>();
        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("[data-testid=needs-approval]").Count));
        Data.Change(1, item => item with { State = WorkItemState.Rejected });
        Api.Publish("work_item.changed", "work_item", 1);

        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("[data-testid=needs-approval]").Count));
    }

    [Fact]
    public void Render_DryRunWaits_IsWhatNeedsThePerson()
    {
        Data.Items.Clear();
        var page = Render<OverviewPage>();
        var row = page.WaitForElement("[data-testid=needs-acceptance]");

        Assert.Equal("/repositories/3", row.GetAttribute("href"));
        Assert.Contains("billing-service", row.TextContent, StringComparison.Ordinal);
        Assert.Contains("1 thing needs you", page.Find(".page-head .sub").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing waits for you", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Render_ChangesOnTheWayToGitHub_SaysHowManyUntilWhenAndWhatHoldsThemUp()
    {
        Data.Outbox = new(4213, 17, SampleData.Now.AddMinutes(9), "GitHub allows no more new content: <b>wait</b>", 3, 0, SampleData.Now.AddHours(8.6));
        var page = Render<OverviewPage>();
        var notice = page.WaitForElement("[data-testid=notice-outbox]");

        Assert.Contains("4,213 changes are on the way to GitHub.", notice.TextContent, StringComparison.Ordinal);
        Assert.Contains("All there in 8 h", notice.TextContent, StringComparison.Ordinal);
        Assert.Contains("17 of them wait.", notice.TextContent, StringComparison.Ordinal);
        Assert.Contains("3 were tried in vain", notice.TextContent, StringComparison.Ordinal);
        await page.DoAsync("[data-testid=outbox-retry]", element => element.Click());
        page.WaitForAssertion(() => Assert.Equal(0, Data.Outbox.Blocked));
        Assert.Contains("&lt;b&gt;wait&lt;/b&gt;", notice.InnerHtml, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("never · atlas", "repository", "added · atlas")]
    [InlineData("preview · atlas", "repository", "scanned, waits for you · atlas")]
    [InlineData(" · Greet by name", "work_item", "changed · Greet by name")]
    [InlineData("ended · first line\nsecond line", "run", "ended · first line second line")]
    public void Render_Activity_SaysItInOneLineOfWords(string text, string subject, string expected)
    {
        Data.Activity.Add(new ActivityDto(SampleData.Now, subject + ".changed", text, subject, 77));
        var page = Render<OverviewPage>();
        page.WaitForElement("[data-testid=activity]");

        Assert.EndsWith(expected, page.FindAll("[data-testid=activity] li")[^1].TextContent.Trim(), StringComparison.Ordinal);
    }
}
