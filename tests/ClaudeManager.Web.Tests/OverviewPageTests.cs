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
    public void AddSample_OneClick_ShowsItsWorkPlainlyLabelled()
    {
        Data.Repositories.Clear();
        Data.Items.Clear();
        var page = Render<OverviewPage>();
        page.WaitForElement("[data-testid=add-sample]").Click();

        page.WaitForAssertion(() => Assert.Contains("Sample", page.Find("[data-testid=needs-approval] .tag.sample").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Preview_NotARepository_SaysWhatIsWrongAndAddsNothing()
    {
        Data.Repositories.Clear();
        var page = Render<OverviewPage>();
        page.WaitForElement("[data-testid=add-repository-path]").Input("nowhere");
        page.Find("[data-testid=add-repository-form]").Submit();

        page.WaitForAssertion(() => Assert.Contains("There is no git repository at 'nowhere'.", page.Find("[data-testid=problem]").TextContent, StringComparison.Ordinal));
        Assert.Empty(Data.Repositories);
    }

    [Fact]
    public void Accept_AfterAPreview_AddsWhatWasPreviewedAndNotWhatWasTypedSince()
    {
        Data.Repositories.Clear();
        var page = Render<OverviewPage>();
        page.WaitForElement("[data-testid=add-repository-path]").Input("/src/one");
        page.Find("[data-testid=add-repository-form]").Submit();
        page.WaitForElement("[data-testid=add-repository-accept]");
        page.Find("[data-testid=add-repository-path]").Input("/src/two");
        page.Find("[data-testid=add-repository-accept]").Click();

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
}
