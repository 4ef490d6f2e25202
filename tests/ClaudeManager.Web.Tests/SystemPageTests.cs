using Bunit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Pages.SystemState;

namespace ClaudeManager.Web.Tests;

public sealed class SystemPageTests : PageContext
{
    [Fact]
    public void Fleet_IsShown_WithHostileTextAsText()
    {
        var page = Render<SystemPage>();
        page.WaitForElement("[data-testid=breaker]");
        Assert.Equal(2, page.FindAll("[data-testid=instance]").Count);
        Assert.Contains("because Redis is away (RedisTimeoutException)", page.FindAll("[data-testid=instance]")[1].TextContent, StringComparison.Ordinal);
        var budgets = page.FindAll("[data-testid=budget]").Select(b => string.Join(' ', b.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Contains("84 of 100 points now · 431 issues or comments this hour", budgets[0], StringComparison.Ordinal);
        Assert.StartsWith("Waiting graphql", budgets[1], StringComparison.Ordinal);
        Assert.Equal(["closed", "open"], page.FindAll("[data-testid=breaker-state]").Select(b => b.GetAttribute("data-state")));
        Assert.Contains("3 in the last minute, 11 in five, 42 in an hour, 42 in all", page.Find("[data-testid=error-group]").TextContent, StringComparison.Ordinal);
        Assert.Contains("<script>alert(1)</script>", page.Find("[data-testid=error]").TextContent, StringComparison.Ordinal);
        Assert.Empty(page.FindAll("script"));
        Assert.Equal("/runs/7", page.Find("[data-testid=error] a").GetAttribute("href"));
    }

    [Fact]
    public async Task Reset_OpenBreaker_IsClosed()
    {
        var page = Render<SystemPage>();
        await page.DoAsync("[data-testid=breaker-reset]", b => b.Click());
        page.WaitForAssertion(() => Assert.Equal(["closed", "closed"], page.FindAll("[data-testid=breaker-state]").Select(b => b.GetAttribute("data-state"))));
        Assert.All(Data.Fleet.Instances[1].Breakers, b => Assert.Equal(CircuitPosition.Closed, b.State));
    }
}
