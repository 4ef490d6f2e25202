using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Web.Tests;
using Microsoft.Playwright;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>A newcomer's first minutes in a real browser. The pictures are kept beside the test results.</summary>
public sealed class DashboardTests(Browser browser)
{
    private const float PatienceMs = 120_000;

    private static readonly LocatorAssertionsToBeVisibleOptions s_visible = new() { Timeout = PatienceMs };
    private static readonly LocatorAssertionsToHaveAttributeOptions s_attribute = new() { Timeout = PatienceMs };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1440, false)]
    [InlineData(360, true)]
    public async Task Newcomer_TakesTheSampleAndApproves_SeesTheBranch(int width, bool dark)
    {
        await using var manager = await ManagerProcess.StartAsync(Ct);
        var page = await browser.OpenAsync(manager.Address, width, dark: dark);
        page.SetDefaultTimeout(PatienceMs);
        page.SetDefaultNavigationTimeout(PatienceMs);
        List<string> errors = [];
        page.PageError += (_, error) => errors.Add(error);

        await page.GotoAsync("/");
        await page.Locator("[data-testid=live-state].on").WaitForAsync();
        await ShootAsync(page, "1-empty", width, dark);
        await page.GetByTestId("add-sample").ClickAsync();
        await Assertions.Expect(page.GetByTestId("needs-approval").First).ToBeVisibleAsync(s_visible);
        await ShootAsync(page, "2-proposed", width, dark);

        await page.GetByTestId("needs-approval").First.ClickAsync();
        await page.WaitForURLAsync("**/work-items/*");
        await Assertions.Expect(page.GetByTestId("approve")).ToBeEnabledAsync(new LocatorAssertionsToBeEnabledOptions { Timeout = PatienceMs });
        await ShootAsync(page, "3-work-item", width, dark);
        await page.GetByTestId("approve").ClickAsync();
        await Assertions.Expect(page.GetByTestId("work-item-state")).Not.ToHaveAttributeAsync("data-state", "proposed", s_attribute);
        await page.GetByTestId("run-link").First.ClickAsync();

        await page.WaitForURLAsync("**/runs/*");
        await Assertions.Expect(page.GetByTestId("run-state")).ToHaveAttributeAsync("data-state", "completed", s_attribute);
        await Assertions.Expect(page.GetByTestId("transcript")).ToContainTextAsync("Sample agent: the prompt asks for work");
        await Assertions.Expect(page.GetByTestId("branch-name")).ToContainTextAsync("claude-manager/");
        await ShootAsync(page, "4-run", width, dark);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private static Task<byte[]> ShootAsync(IPage page, string name, int width, bool dark)
        => page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Path.Combine(AppContext.BaseDirectory, "screenshots", FormattableString.Invariant($"{name}-{width}-{(dark ? "dark" : "light")}.png")),
            FullPage = true,
            Timeout = PatienceMs,
        });
}
