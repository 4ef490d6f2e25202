using System.Net;
using System.Net.Http.Json;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Models;
using Microsoft.Extensions.Logging.Testing;

namespace ClaudeManager.Core.Tests.Agents.Gateway;

public sealed class ModelGatewayTests : IDisposable
{
    private static readonly RunIdentity s_run = new(7, 1, "boot");

    private readonly HttpMessageInvoker _agent = new(new SocketsHttpHandler());
    private readonly FakeLogger<ModelGateway> _log = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _agent.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("cm-run-0000")]
    [InlineData("sk-real")]
    public async Task Answer_WithoutTheKeyOfARun_IsRefusedAndNotForwarded(string? presented)
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Say("Hi."), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);

        using var answer = await AskAsync(gateway, presented);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains("authentication_error", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Empty(model.Requests);
    }

    [Fact]
    public async Task Answer_KeyOfAnEndedRun_IsRefused()
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Say("Hi."), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        var key = gateway.Issue(s_run);
        using (var during = await AskAsync(gateway, key.Secret.Reveal()))
        {
            Assert.Equal(HttpStatusCode.OK, during.StatusCode);
        }

        key.Dispose();

        using var after = await AskAsync(gateway, key.Secret.Reveal());
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/v1/messages")]
    [InlineData("POST", "/v1/messages/batches")]
    [InlineData("GET", "/v1/models")]
    [InlineData("POST", "/v1/files")]
    [InlineData("POST", "/v1/messages/../files")]
    public async Task Answer_AnythingButMessages_IsNotForwarded(string method, string path)
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Say("Hi."), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(gateway.Address, path));
        request.Headers.Add("x-api-key", key.Secret.Reveal());

        using var answer = await _agent.SendAsync(request, Ct);

        Assert.True(answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed, answer.StatusCode.ToString());
        Assert.Empty(model.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_Request_GetsTheRealCredentialAndKeepsTheRest(bool byToken)
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Say("Hi."), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress, byToken ? new ModelCredentials(null, new SecretString("real-token"), model.BaseAddress) : null);
        using var key = gateway.Issue(s_run);

        using var answer = await AskAsync(gateway, key.Secret.Reveal(), new { model = "m", messages = Array.Empty<object>(), odd = "ä" }, ("anthropic-beta", "a,b"), ("x-claude-code-session-id", "s"), ("Cookie", "c=1"));

        var request = Assert.Single(model.Requests);
        Assert.Equal("/v1/messages?beta=true", request.Path);
        Assert.Equal(byToken ? "Bearer real-token" : null, request.Headers.GetValueOrDefault("Authorization"));
        Assert.Equal(byToken ? null : "sk-real", request.Headers.GetValueOrDefault("x-api-key"));
        Assert.Equal(("a,b", "s", "ä"), (request.Headers["anthropic-beta"], request.Headers["x-claude-code-session-id"], request.Body.GetProperty("odd").GetString()));
        Assert.DoesNotContain("Cookie", request.Headers.Keys, StringComparer.OrdinalIgnoreCase);
        Assert.DoesNotContain(request.Headers.Values, v => v.Contains("cm-run-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Answer_BaseUrlWithAPath_KeepsThePath()
    {
        await using var gateway = await StartAsync(new Uri("http://127.0.0.1:9/company/anthropic/"));
        using var key = gateway.Issue(s_run);

        using var answer = await AskAsync(gateway, key.Secret.Reveal());

        // Nobody listens on the discard port, which is also what the agent is told: the reason, and no address but the host.
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("api_error", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal(7L, long.Parse(_log.LatestRecord.GetStructuredStateValue("RunId")!, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Answer_ErrorOfTheApi_ArrivesUnchanged()
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Fail(529, "overloaded_error", "Overloaded", ("x-should-retry", "true"), ("retry-after", "7")), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);

        using var answer = await AskAsync(gateway, key.Secret.Reveal());

        Assert.Equal(529, (int)answer.StatusCode);
        Assert.Equal("true", Assert.Single(answer.Headers.GetValues("x-should-retry")));
        Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter!.Delta);
        Assert.Contains("\"overloaded_error\"", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Null(key.LimitResetsAt);
    }

    [Fact]
    public async Task Answer_UsageLimit_IsRememberedUntilARequestGoesThrough()
    {
        var reset = DateTimeOffset.FromUnixTimeSeconds(2_000_000_000);
        var limited = true;
        await using var model = await MessagesApi.StartAsync(_ => limited ? ModelTurn.UsageLimit(reset) : ModelTurn.Say("Hi."), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);
        using var refused = await AskAsync(gateway, key.Secret.Reveal());
        Assert.Equal(reset, key.LimitResetsAt);
        limited = false;

        using var answered = await AskAsync(gateway, key.Secret.Reveal());

        Assert.Null(key.LimitResetsAt);
    }

    [Fact]
    public async Task Answer_Stream_ComesPieceByPiece()
    {
        await using var model = await MessagesApi.StartAsync(_ => new ModelTurn.NeverEnding("First words"), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);

        using var answer = await AskAsync(gateway, key.Secret.Reveal(), new { model = "m", stream = true, messages = Array.Empty<object>() });
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));
        string? line;
        do
        {
            line = await reader.ReadLineAsync(Ct);
        }
        while (line?.Contains("First words", StringComparison.Ordinal) is false);

        Assert.Contains("First words", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_CutStream_LooksCutToTheAgent()
    {
        var begun = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(_ => new ModelTurn.CutOff("Half an", begun.Task), ct: Ct);
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);

        var fault = await Record.ExceptionAsync(async () =>
        {
            using var answer = await AskAsync(gateway, key.Secret.Reveal(), new { model = "m", stream = true, messages = Array.Empty<object>() });
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            begun.SetResult();
            await answer.Content.ReadAsStringAsync(Ct);
        });

        Assert.True(fault is HttpRequestException or IOException, fault?.ToString());
    }

    [Fact]
    public async Task Answer_AgentHangsUp_EndsTheRequestToTheModel()
    {
        var ended = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(_ => new ModelTurn.NeverEnding("Let me think"), ct: Ct);
        model.Ended += () => ended.TrySetResult();
        await using var gateway = await StartAsync(model.BaseAddress);
        using var key = gateway.Issue(s_run);
        using (var answer = await AskAsync(gateway, key.Secret.Reveal(), new { model = "m", stream = true, messages = Array.Empty<object>() }))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await ended.Task.WaitAsync(Ct);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(529)]
    public async Task Answer_ApiFailsAgainAndAgain_IsRefusedAtOnceUntilTheNextTrial(int status)
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Fail(status, "api_error", "No."), ct: Ct);
        var (configuration, breakers) = Breaker(minimum: 3);
        await using var gateway = await StartAsync(model.BaseAddress, null, configuration, breakers);
        using var key = gateway.Issue(s_run);
        for (var i = 0; i < 3; i++)
        {
            using var failed = await AskAsync(gateway, key.Secret.Reveal());
            Assert.Equal(status, (int)failed.StatusCode);
        }

        using var refused = await AskAsync(gateway, key.Secret.Reveal());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        var error = await refused.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>(Ct);
        Assert.Equal(("error", "api_error"), (error.GetProperty("type").GetString(), error.GetProperty("error").GetProperty("type").GetString()));
        Assert.Equal(3, model.Requests.Count);
        var state = Assert.Single(breakers.Snapshot());
        Assert.Equal(("model-api", model.BaseAddress.Authority, CircuitPosition.Open), (state.Upstream, state.Host, state.State));
        breakers.Reset(state.Name);
        using var asked = await AskAsync(gateway, key.Secret.Reveal());
        Assert.Equal(status, (int)asked.StatusCode);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(429)]
    public async Task Answer_ApiSaysNo_OpensNothing(int status)
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Fail(status, "rate_limit_error", "No."), ct: Ct);
        var (configuration, breakers) = Breaker(minimum: 2);
        await using var gateway = await StartAsync(model.BaseAddress, null, configuration, breakers);
        using var key = gateway.Issue(s_run);
        for (var i = 0; i < 5; i++)
        {
            using var refused = await AskAsync(gateway, key.Secret.Reveal());
            Assert.Equal(status, (int)refused.StatusCode);
        }

        Assert.Equal(CircuitPosition.Closed, Assert.Single(breakers.Snapshot()).State);
    }

    [Fact]
    public async Task Answer_Isolated_TellsTheAgentNotToTryAgain()
    {
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.Say("Hi."), ct: Ct);
        var (configuration, breakers) = Breaker(minimum: 2);
        breakers.Isolate("model-api/" + model.BaseAddress.Authority, "too dear");
        await using var gateway = await StartAsync(model.BaseAddress, null, configuration, breakers);
        using var key = gateway.Issue(s_run);

        using var refused = await AskAsync(gateway, key.Secret.Reveal());

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "false"), (refused.StatusCode, Assert.Single(refused.Headers.GetValues("x-should-retry"))));
        Assert.Contains("too dear", await refused.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Empty(model.Requests);
    }

    [Fact]
    public async Task Answer_DoesNotBegin_IsATimeOutThatCounts()
    {
        var never = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(_ => new ModelTurn.Held(never.Task, ModelTurn.Say("Late.")), ct: Ct);
        var (configuration, breakers) = Breaker(minimum: 2, TimeSpan.FromMilliseconds(200));
        await using var gateway = await StartAsync(model.BaseAddress, null, configuration, breakers);
        using var key = gateway.Issue(s_run);

        using var late = await AskAsync(gateway, key.Secret.Reveal());

        Assert.Equal(HttpStatusCode.GatewayTimeout, late.StatusCode);
        Assert.Equal(1, Assert.Single(breakers.Snapshot()).Failures);
        never.SetResult();
    }

    private static (CurrentConfiguration Configuration, CircuitBreakers Breakers) Breaker(int minimum, TimeSpan? begins = null)
    {
        var resilience = new ResilienceConfiguration();
        var configuration = new CurrentConfiguration(ManagerConfiguration.Default with
        {
            Resilience = resilience with { ModelApi = resilience.ModelApi with { MinimumThroughput = minimum, Break = TimeSpan.FromSeconds(60), AttemptTimeout = begins ?? resilience.ModelApi.AttemptTimeout } },
        });
        return (configuration, new CircuitBreakers(configuration, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<CircuitBreakers>.Instance));
    }

    private async Task<ModelGateway> StartAsync(Uri upstream, ModelCredentials? credentials = null, CurrentConfiguration? configuration = null, CircuitBreakers? breakers = null)
    {
        configuration ??= new CurrentConfiguration(ManagerConfiguration.Default);
        var gateway = new ModelGateway(
            credentials ?? new ModelCredentials(new SecretString("sk-real"), null, upstream), configuration, AgentGround.Pipelines(configuration, breakers), TimeProvider.System, _log);
        await gateway.StartAsync(Ct);
        return gateway;
    }

    private async Task<HttpResponseMessage> AskAsync(ModelGateway gateway, string? key, object? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway.Address, "/v1/messages?beta=true")) { Content = JsonContent.Create(body ?? new { model = "m", messages = Array.Empty<object>() }) };
        if (key is not null)
        {
            request.Headers.Add("Authorization", "Bearer " + key);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _agent.SendAsync(request, Ct);
    }
}
