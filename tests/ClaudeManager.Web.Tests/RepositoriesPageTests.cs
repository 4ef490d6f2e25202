using Bunit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Pages.Repositories;

namespace ClaudeManager.Web.Tests;

public sealed class RepositoriesPageTests : PageContext
{
    [Fact]
    public void Event_ScanMovesOn_ShowsHowFarItIsAndThenHowItWent()
    {
        var page = Render<RepositoriesPage>();
        page.WaitForElement("[data-testid=repository]");
        Assert.Empty(page.FindAll("[data-testid=scan-progress]"));

        Show(new ScanProgressDto(0, null, 0, null, null, SampleData.Now));
        page.WaitForAssertion(() => Assert.Equal("Listing files…", page.Find("[data-testid=scan-progress] .num").TextContent));
        Assert.False(page.Find("[data-testid=scan-progress] progress").HasAttribute("value"));

        Show(new ScanProgressDto(1200, 8802, 57, 410.4, 18.5, SampleData.Now));
        page.WaitForAssertion(() => Assert.Equal("1,200 of 8,802 files · 57 findings · 410 files/s · 19 s left", page.Find("[data-testid=scan-progress] .num").TextContent));
        var bar = page.Find("[data-testid=scan-progress] progress");
        Assert.Equal(("1200", "8802"), (bar.GetAttribute("value"), bar.GetAttribute("max")));

        Show(null);
        page.WaitForAssertion(() => Assert.Empty(page.FindAll("[data-testid=scan-progress]")));
    }

    [Fact]
    public void Event_DryRunMovesOn_DoesNotStartAnotherOne()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Api.MayPreview = held.Task;
        var id = Data.Repositories.First(r => !r.Accepted).Id;
        var page = Render<RepositoryPage>(parameters => parameters.Add(p => p.Id, id));
        page.WaitForElement("[data-testid=scan-state]");

        for (var files = 1; files <= 2; files++)
        {
            Data.Scanning(id, new ScanProgressDto(files, 10, 0, 1, 9, SampleData.Now));
            Api.Publish("scan.progress", "repository", id);
            page.WaitForAssertion(() => Assert.StartsWith($"{files} of 10 files", page.Find("[data-testid=scan-progress] .num").TextContent, StringComparison.Ordinal));
        }

        held.SetResult();
        page.WaitForElement("[data-testid=accept-repository]");
        Assert.Equal(1, Api.Previews);
    }

    private void Show(ScanProgressDto? scan)
    {
        var id = Data.Repositories[0].Id;
        Data.Scanning(id, scan);
        Api.Publish("scan.progress", "repository", id);
    }
}
