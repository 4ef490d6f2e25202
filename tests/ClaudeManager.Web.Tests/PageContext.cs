using AngleSharp.Dom;
using Bunit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;
using MudBlazor.Services;

namespace ClaudeManager.Web.Tests;

/// <summary>Components rendered without a browser, over the real client, the real feed and a <see cref="FakeApi"/>.</summary>
public abstract class PageContext : BunitContext, IAsyncLifetime
{
    private EventFeed _feed = null!;

    // A busy machine is slow, not wrong.
    static PageContext() => DefaultWaitTimeout = TimeSpan.FromSeconds(60);

    internal FakeApi Api { get; private set; } = null!;

    internal SampleData Data { get; } = SampleData.Full();

    public async ValueTask InitializeAsync()
    {
        Api = await FakeApi.StartAsync(Data);
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddMudServices(options => options.PopoverOptions.CheckForPopoverProvider = false);
        Services.AddLogging();
        Services.AddSingleton(TimeProvider.System);
        Services.AddScoped<ViewerClock>();
        Services.AddHttpClient<ManagerApiClient>(client => client.BaseAddress = Api.Address);
        Services.AddHttpClient(EventFeed.ClientName, client => client.BaseAddress = Api.Address);
        Services.AddSingleton<EventFeed>();
        _feed = Services.GetRequiredService<EventFeed>();
        await _feed.StartAsync(Xunit.TestContext.Current.CancellationToken);
        await Api.Connections.Reader.ReadAsync(Xunit.TestContext.Current.CancellationToken);
    }

    protected override async ValueTask DisposeAsyncCore()
    {
        await _feed.StopAsync(CancellationToken.None);
        await base.DisposeAsyncCore();
        await Api.DisposeAsync();
    }
}

internal static class RenderedPages
{
    /// <summary>Waits for an element and acts on it in one step of the renderer: a rendering between finding it and acting would leave an element whose handler is gone.</summary>
    public static async Task DoAsync<T>(this IRenderedComponent<T> page, string selector, Action<IElement> act) where T : IComponent
    {
        page.WaitForElement(selector);
        await page.InvokeAsync(() => act(page.Find(selector)));
    }
}
