using ClaudeManager.ServiceDefaults;

namespace ClaudeManager.Web.Tests;

/// <summary>The real dashboard on a free loopback port, in front of a <see cref="FakeApi"/>.</summary>
internal sealed class DashboardFixture : IAsyncDisposable
{
    private readonly WebApplication _web;

    private DashboardFixture(WebApplication web, FakeApi api)
    {
        _web = web;
        Api = api;
    }

    public FakeApi Api { get; }

    public Uri Address => new(_web.Urls.Single());

    public static async Task<DashboardFixture> StartAsync(SampleData data, CancellationToken ct)
    {
        var api = await FakeApi.StartAsync(data);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddServiceDefaults(telemetry: false);
        builder.AddWeb(new WebSettings(api.Address));
        var web = builder.Build();
        web.MapDefaultEndpoints();
        web.MapWeb();
        await web.StartAsync(ct);
        return new DashboardFixture(web, api);
    }

    public async ValueTask DisposeAsync()
    {
        await Api.DisposeAsync();
        await _web.StopAsync();
        await _web.DisposeAsync();
    }
}
