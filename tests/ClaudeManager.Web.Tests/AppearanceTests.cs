using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ClaudeManager.Web.Tests.Browser))]

namespace ClaudeManager.Web.Tests;

/// <summary>Every page in a real browser, wide and narrow, light and dark. The pictures are kept beside the test results.</summary>
public sealed class AppearanceTests(Browser browser)
{
    private static readonly (string Name, string Path)[] s_pages =
    [
        ("overview", "/"), ("work-items", "/work-items"), ("work-item", "/work-items/2"), ("run-live", "/runs/12"), ("run-done", "/runs/11"), ("run-failed", "/runs/10"),
        ("repositories", "/repositories"), ("repository-dry-run", "/repositories/3"), ("add-repository", "/repositories/add"), ("system", "/system"), ("not-found", "/nowhere"),
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1440, false)]
    [InlineData(1440, true)]
    [InlineData(360, false)]
    [InlineData(360, true)]
    public async Task EveryPage_InARealBrowser_FitsAndReportsNoError(int width, bool dark)
    {
        await using var full = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        await using var empty = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);
        await VisitAsync(full, s_pages, width, dark);
        await VisitAsync(empty, [("welcome", "/")], width, dark);
    }

    [Theory]
    [InlineData(1440, false)]
    [InlineData(360, true)]
    public async Task ApproveMany_InARealBrowser_Fits(int width, bool dark)
    {
        await using var site = await DashboardFixture.StartAsync(SampleData.Full(), Ct);
        var page = await browser.OpenAsync(site.Address, width, dark: dark);
        await page.GotoAsync("/work-items");
        await page.GetByTestId("select-all").CheckAsync();
        await page.GetByTestId("selection").WaitForAsync();
        await ShootAsync("work-items-selected");
        await page.GetByTestId("approve-selected").ClickAsync();
        await page.GetByTestId("many-agent").SelectOptionAsync("claude-code");
        await Assertions.Expect(page.GetByTestId("tool")).ToHaveCountAsync(3);
        await ShootAsync("approve-many");
        await page.GetByTestId("many-item").First.Locator("summary").ClickAsync();
        await ShootAsync("approve-many-open");
        await page.GetByTestId("many-approve").ClickAsync();
        await page.GetByTestId("outcome").First.WaitForAsync();
        await ShootAsync("approve-many-done");
        await page.Context.CloseAsync();

        async Task ShootAsync(string name)
        {
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth - window.innerWidth") <= 0, $"{name} is too wide for {width} px.");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}-{width}-{(dark ? "dark" : "light")}.png") });
        }
    }

    private async Task VisitAsync(DashboardFixture site, IReadOnlyList<(string Name, string Path)> pages, int width, bool dark)
    {
        var page = await browser.OpenAsync(site.Address, width, dark: dark);
        List<string> errors = [];
        page.Console += (_, message) =>
        {
            // Wanted: the page that does not exist. Not the page's doing: a machine so busy that the circuit heard nothing for 30 s; it comes back, or the page does not show.
            var missing = page.Url.EndsWith("/nowhere", StringComparison.Ordinal) && message.Text.Contains("404", StringComparison.Ordinal);
            var starved = message.Text.Contains("Server timeout elapsed", StringComparison.Ordinal);
            if (message.Type is "error" or "warning" && !missing && !starved)
            {
                errors.Add(message.Text);
            }
        };
        page.PageError += (_, error) => errors.Add(error);
        foreach (var (name, path) in pages)
        {
            await page.GotoAsync(path);
            await page.Locator("h1").WaitForAsync();
            await page.Locator("[data-testid=live-state].on").WaitForAsync();
            await Assertions.Expect(page.Locator("[role=progressbar]")).ToHaveCountAsync(0);

            var overflow = await page.EvaluateAsync<int>("document.documentElement.scrollWidth - window.innerWidth");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}-{width}-{(dark ? "dark" : "light")}.png"), FullPage = true });
            Assert.True(overflow <= 0, $"{name} is {overflow} px too wide for {width} px.");
            Assert.True(errors.Count == 0, $"{name}: {string.Join(" | ", errors)}");
        }

        await page.Context.CloseAsync();
    }
}
