using Microsoft.Playwright;

namespace ClaudeManager.Web.Tests;

/// <summary>One Chromium for all tests of the assembly.</summary>
public sealed class Browser : IAsyncLifetime
{
    private const float Patience = 60_000;

    private static readonly string[] s_places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _chromium;

    public async ValueTask InitializeAsync()
    {
#pragma warning disable RS0030 // The test machine says where its browser is; there is no configuration to read it from.
        var place = Environment.GetEnvironmentVariable("CM_TEST_CHROMIUM") ?? s_places.FirstOrDefault(File.Exists);
#pragma warning restore RS0030
        if (place is null)
        {
            return;
        }

        // A busy machine is slow, not wrong.
        Assertions.SetDefaultExpectTimeout(Patience);
        _playwright = await Playwright.CreateAsync();
        _chromium = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = place,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    public async Task<IPage> OpenAsync(Uri site, int width = 1440, int height = 900, bool dark = false)
    {
        if (_chromium is null)
        {
            Assert.Skip("No Chromium: install it, or name it in CM_TEST_CHROMIUM.");
        }

        var context = await _chromium.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = site.ToString(),
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            TimezoneId = "Europe/Helsinki",
        });
        var page = await context.NewPageAsync();
        page.SetDefaultTimeout(Patience);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (_chromium is not null)
        {
            await _chromium.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
