using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Tests.Scanning.OutdatedDependencies;

/// <summary>Both registries on loopback, answering by hand in the shapes that the documentation of nuget.org and npmjs.org gives.</summary>
internal sealed class LoopbackRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> _answers = [];

    private LoopbackRegistry(WebApplication app) => _app = app;

    public ConcurrentQueue<string> Requests { get; } = [];

    public Uri Address => new(_app.Urls.Single());

    public Uri NuGet => new(Address, "/v3/index.json");

    public static async Task<LoopbackRegistry> StartAsync(CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var registry = new LoopbackRegistry(app);
        app.Run(async http =>
        {
            // An escaped slash stays as it is in a path.
            var path = http.Request.Path.Value!.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase);
            registry.Requests.Enqueue(path);
            if (registry._answers.TryGetValue(path, out var answer))
            {
                await answer(http);
                return;
            }

            http.Response.StatusCode = 404;
        });
        await app.StartAsync(ct);
        registry.Say("/v3/index.json", $$"""{"version":"3.0.0","resources":[{"@id":"{{registry.Address}}reg5/","@type":"RegistrationsBaseUrl"},{"@id":"{{registry.Address}}reg/","@type":"RegistrationsBaseUrl/3.6.0"},{"@id":"{{registry.Address}}flat/","@type":"PackageBaseAddress/3.0.0"}]}""");
        return registry;
    }

    public void Say(string path, string json, int status = 200) => _answers[path] = async http =>
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(json));
    };

    public void Redirect(string path, string to) => _answers[path] = http =>
    {
        http.Response.Redirect(to);
        return Task.CompletedTask;
    };

    public void Cut(string path) => _answers[path] = async http =>
    {
        http.Response.ContentLength = 1000;
        await http.Response.Body.WriteAsync("{\"items\":["u8.ToArray());
        await http.Response.Body.FlushAsync();
        http.Abort();
    };

    /// <summary>Versions in one page each; those that end in <c>!</c> are not listed. The last page is apart.</summary>
    public void NuGetPackage(string name, params string[] versions)
    {
        string Page(string version) => $$$"""{"@id":"{{{Address}}}reg/{{{name}}}/page/{{{version.TrimEnd('!')}}}.json","items":[{"catalogEntry":{"id":"{{{name}}}","version":"{{{version.TrimEnd('!')}}}","listed":{{{(version.EndsWith('!') ? "false" : "true")}}} }}]}""";
        var apart = versions[^1];
        var pages = versions.Select(v => v == apart ? $$"""{"@id":"{{Address}}reg/{{name}}/page/{{v.TrimEnd('!')}}.json","count":1}""" : Page(v));
        Say($"/reg/{name}/index.json", $$"""{"count":{{versions.Length}},"items":[{{string.Join(',', pages)}}]}""");
        Say($"/reg/{name}/page/{apart.TrimEnd('!')}.json", Page(apart));
    }

    public void NpmPackage(string name, string? latest, params string[] versions)
        => Say("/" + name, JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["name"] = name,
            ["dist-tags"] = latest is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["latest"] = latest },
            ["versions"] = versions.ToDictionary(v => v, v => new { name, version = v, dist = new { tarball = $"{Address}{name}/-/{v}.tgz" } }),
        }));

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
