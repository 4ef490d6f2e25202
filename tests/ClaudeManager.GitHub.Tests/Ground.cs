using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ClaudeManager.Tests.Shared.GitHub;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.GitHub.Tests;

/// <summary>What came back, read to its end.</summary>
internal sealed record Reply(int Status, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, string Text)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : "";
}

/// <summary>The stand-in with a repository <c>acme/app</c> in it, <c>bot</c> who may write and a clock that stands still.</summary>
internal sealed class Ground : IAsyncDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private Ground(LoopbackGitHub github, FakeTimeProvider time) => (GitHub, Time) = (github, time);

    public LoopbackGitHub GitHub { get; }

    public FakeTimeProvider Time { get; }

    public GitHubRepository App => GitHub.Repository("acme/app");

    public string Token { get; private set; } = "";

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<Ground> StartAsync()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 2, 9, 0, 0, TimeSpan.Zero));
        var ground = new Ground(await LoopbackGitHub.StartAsync(Ct, time), time);
        ground.App.Collaborator("bot", GitHubRole.Write);
        ground.Token = ground.GitHub.Token("bot");
        return ground;
    }

    public Task<Reply> GetAsync(string path, string? token = null, params (string Name, string Value)[] headers) => SendAsync("GET", path, null, token, headers);

    public Task<Reply> PostAsync(string path, object body, string? token = null) => SendAsync("POST", path, body, token);

    public Task<Reply> QueryAsync(string query, object? variables = null, string? token = null) => SendAsync("POST", "graphql", new { query, variables }, token);

    public async Task<Reply> SendAsync(string method, string path, object? body, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(GitHub.BaseAddress, path));
        request.Headers.TryAddWithoutValidation("User-Agent", "tests");
        if (token != "")
        {
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + (token ?? Token));
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (body is not null)
        {
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        }

        using var response = await _client.SendAsync(request, Ct);
        return new Reply((int)response.StatusCode, response.Headers, response.Content.Headers, await response.Content.ReadAsStringAsync(Ct));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await GitHub.DisposeAsync();
    }
}
