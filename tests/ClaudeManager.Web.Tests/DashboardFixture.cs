using ClaudeManager.Core.Contracts;
using ClaudeManager.ServiceDefaults;

namespace ClaudeManager.Web.Tests;

/// <summary>The real dashboard on a free loopback port, in front of a <see cref="FakeApi"/>.</summary>
internal sealed class DashboardFixture : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    private DashboardFixture(WebApplication web, FakeApi api)
    {
        _web = web;
        Api = api;
    }

    public FakeApi Api { get; }

    public Uri Address => new(_web.Urls.Single());

    /// <summary>The client the pages use.</summary>
    public ManagerApiClient Client => _web.Services.GetRequiredService<ManagerApiClient>();

    /// <param name="discovered">Names Api as Aspire does, instead of giving its address.</param>
    public static async Task<DashboardFixture> StartAsync(SampleData data, CancellationToken ct, bool discovered = false)
    {
        var api = await FakeApi.StartAsync(data);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddServiceDefaults(telemetry: false);
        builder.Configuration["Services:api:http:0"] = api.Address.ToString();
        builder.AddWeb(discovered ? WebSettings.Discovered : new WebSettings(() => api.Address));
        var web = builder.Build();
        web.MapDefaultEndpoints();
        web.MapWeb();
        await web.StartAsync(ct);
        return new DashboardFixture(web, api);
    }

    /// <summary>Sends exactly these headers and no others of a browser's. The answer comes as soon as its headers do.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, CancellationToken ct, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path));
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _client.SendAsync(request, ct);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _web.StopAsync();
        await _web.DisposeAsync();
        await Api.DisposeAsync();
    }
}
