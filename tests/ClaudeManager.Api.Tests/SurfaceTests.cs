using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Telemetry;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace ClaudeManager.Api.Tests;

/// <summary>What holds for every endpoint, asked of all of them.</summary>
public sealed class SurfaceTests
{
    private const string Document = "docs/openapi.json";

    /// <summary>A body that binds, for every kind of request there is; one that is missing here fails the tests.</summary>
    private static readonly Dictionary<Type, object> s_bodies = new object[]
    {
        new AddRepositoryRequest("/nowhere"),
        new NewWorkItemRequest(999, "title", "text"),
        new TakeIssueRequest("acme/nowhere", 1),
        new ApproveRequest(1, "hash"),
        new RejectRequest(1, "reason"),
        new SnoozeRequest(1, DateTimeOffset.UnixEpoch),
        new PinRequest(1, true),
        new OverrideScoreRequest(1, 5, "reason"),
        new LiftBlockRequest("reason"),
        new IsolateBreakerRequest("github/nowhere", "reason"),
        new ResetBreakerRequest("github/nowhere"),
        new BulkApproveRequest([new BulkApproval(999, new ApproveRequest(1, "hash"))]),
        new BulkRejectRequest([new BulkItem(999, 1)], "reason"),
        new BulkSnoozeRequest([new BulkItem(999, 1)], DateTimeOffset.UnixEpoch),
    }.ToDictionary(b => b.GetType());

    [Fact]
    public async Task EveryEndpoint_IsNamedAndRunsAsAnOperationOfThatName()
    {
        await using var api = await TestApi.StartAsync();
        using var operations = new MetricCollector<double>(api.Get<System.Diagnostics.Metrics.IMeterFactory>(), ManagerTelemetry.Name, "claude_manager.operations.duration");
        var names = new List<string>();
        foreach (var endpoint in api.Endpoints.Where(e => !IsDocument(e)))
        {
            var name = endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName;
            Assert.True(name is not null, $"{endpoint.RoutePattern.RawText} has no name.");
            names.Add(name);
            using var response = await CallAsync(api, endpoint);
            Assert.True((int)response.StatusCode < 500, $"{name}: {response.StatusCode}");
        }

        Assert.True(names.Count > 20);
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.Equal(names.Order(StringComparer.Ordinal), operations.GetMeasurementSnapshot().Select(m => (string)m.Tags["operation"]!).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task EveryEndpoint_IsMappedWithAnOperationOfTheCatalog()
    {
        await using var api = await TestApi.StartAsync();
        foreach (var endpoint in api.AllEndpoints.Where(e => !IsDocument(e)))
        {
            var operation = endpoint.Metadata.GetMetadata<OperationDescriptor>();
            Assert.True(operation is not null && OperationCatalog.All.Contains(operation), $"{endpoint.RoutePattern.RawText} was not mapped with an operation.");
            Assert.Equal(operation.Name, endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName);
            Assert.True(Permissions.Everything.HasFlag(operation.Needs), $"{operation.Name} is not for people.");
            Assert.True(operation.Class == OperationClass.Heavy || MethodOf(endpoint) == HttpMethod.Get == (operation.Class == OperationClass.Read), operation.Name);
            Assert.True(operation.Needs != Permissions.Read || MethodOf(endpoint) == HttpMethod.Get, operation.Name);
        }
    }

    [Fact]
    public async Task EveryEndpoint_AskedByWhomLacksItsPermission_IsForbiddenAndOnRecord()
    {
        await using var api = await TestApi.StartAsync(authenticate: _ => new Caller("mallory", Permissions.None));
        var endpoints = api.Endpoints.Where(e => !IsDocument(e)).ToList();
        foreach (var endpoint in endpoints)
        {
            using var response = await CallAsync(api, endpoint);
            var problem = await Refused.ProblemAsync(response, HttpStatusCode.Forbidden);
            Assert.Equal("forbidden", problem.GetProperty("code").GetString());
        }

        var denied = await api.Get<Store>().ReadAsync((db, ct) => db.AuditEntries.Where(a => a.Action == "operation.denied").Select(a => a.SubjectId!).ToListAsync(ct), TestContext.Current.CancellationToken);
        Assert.Equal(endpoints.Select(e => e.Metadata.GetMetadata<OperationDescriptor>()!.Name).Order(StringComparer.Ordinal), denied.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task AnyCaller_WithOnePermission_MayDoWhatNeedsItAndNoMore()
    {
        await using var api = await TestApi.StartAsync(authenticate: _ => new Caller("viewer", Permissions.Read));

        Assert.Empty((await api.Client.ListWorkItemsAsync([], null, null, null, 0, 50, TestContext.Current.CancellationToken)).Items);
        await Refused.WithAsync(HttpStatusCode.Forbidden, "forbidden", () => api.Client.AddSampleAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task EveryChange_AskedForByAnotherSite_IsRefused()
    {
        await using var api = await TestApi.StartAsync();
        var changes = api.Endpoints.Where(e => MethodOf(e) != HttpMethod.Get).ToList();
        Assert.True(changes.Count > 10);
        foreach (var endpoint in changes)
        {
            foreach (var header in new[] { ("Origin", "https://evil.example"), ("Origin", "null"), ("Origin", "http://127.0.0.1.evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site") })
            {
                using var response = await CallAsync(api, endpoint, header);
                var problem = await Refused.ProblemAsync(response, HttpStatusCode.Forbidden);
                Assert.Equal("cross_origin", problem.GetProperty("code").GetString());
            }

            using var own = await CallAsync(api, endpoint, ("Origin", "http://localhost:8080"), ("Sec-Fetch-Site", "same-origin"));
            Assert.NotEqual(HttpStatusCode.Forbidden, own.StatusCode);
        }
    }

    [Fact]
    public async Task EveryRead_AskedForByAnotherSite_IsAnsweredWithoutLettingThatSiteSeeIt()
    {
        await using var api = await TestApi.StartAsync();
        foreach (var endpoint in api.Endpoints.Where(e => MethodOf(e) == HttpMethod.Get))
        {
            using var response = await CallAsync(api, endpoint, ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"));
            Assert.NotEqual(HttpStatusCode.Forbidden, response.StatusCode);
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("localhost.evil.example:80")]
    [InlineData("192.168.1.1")]
    public async Task AnyRequest_ForAnotherHost_IsRefused(string host)
    {
        await using var api = await TestApi.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/service") { Headers = { Host = host } };

        using var response = await api.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    public async Task AnyRequest_ForThisMachine_IsAnswered(string host)
    {
        await using var api = await TestApi.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/service") { Headers = { Host = host } };

        using var response = await api.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.False(response.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("{", "application/json", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("", "application/json", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("null", "application/json", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("[]", "application/json", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("{\"path\":7}", "application/json", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("{\"branch\":\"main\"}", "application/json", HttpStatusCode.BadRequest, "path_missing")]
    [InlineData("path=/tmp", "application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType, "unsupported_media_type")]
    [InlineData("{\"path\":\"/nowhere\"}", "text/plain", HttpStatusCode.UnsupportedMediaType, "unsupported_media_type")]
    public async Task AnyBody_ThatIsNotWhatItShouldBe_IsACleanProblem(string body, string type, HttpStatusCode status, string code)
    {
        await using var api = await TestApi.StartAsync();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

        using var response = await api.SendAsync(HttpMethod.Post, "/api/v1/repositories", content);

        var problem = await Refused.ProblemAsync(response, status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
    }

    [Fact]
    public async Task AnyBody_ThatIsHuge_IsACleanProblem()
    {
        await using var api = await TestApi.StartAsync();
        using var content = JsonContent.Create(new NewWorkItemRequest(1, "title", new string('a', 2_000_000)));

        // Sent by parts, as the server may answer before it has read everything.
        content.Headers.ContentLength = null;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/work-items") { Content = content, Headers = { ExpectContinue = true } };
        using var response = await api.Http.SendAsync(request, TestContext.Current.CancellationToken);

        var problem = await Refused.ProblemAsync(response, HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal("too_large", problem.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing", HttpStatusCode.NotFound, "not_found")]
    [InlineData("GET", "/api/v1/work-items/abc", HttpStatusCode.NotFound, "not_found")]
    [InlineData("GET", "/api/v1/work-items/99999999999999999999", HttpStatusCode.NotFound, "not_found")]
    [InlineData("PUT", "/api/v1/work-items/1", HttpStatusCode.MethodNotAllowed, "method_not_allowed")]
    [InlineData("GET", "/api/v1/work-items?take=abc", HttpStatusCode.BadRequest, "invalid")]
    [InlineData("GET", "/api/v1/work-items?repository=%27%3B--", HttpStatusCode.BadRequest, "invalid")]
    public async Task AnyAddress_ThatIsNotOurs_IsACleanProblem(string method, string path, HttpStatusCode status, string code)
    {
        await using var api = await TestApi.StartAsync();

        using var response = await api.SendAsync(new HttpMethod(method), path);

        var problem = await Refused.ProblemAsync(response, status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
    }

    [Fact]
    public async Task AnyFault_OfTheServiceItself_SaysNothingOfItsInsides()
    {
        await using var api = await TestApi.StartAsync();
        await using (var connection = new SqliteConnection($"Data Source={api.DatabaseFile};Pooling=False"))
        {
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = "ALTER TABLE work_items RENAME TO away";
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        using var response = await api.SendAsync(HttpMethod.Get, "/api/v1/work-items");

        await Refused.ProblemAsync(response, HttpStatusCode.InternalServerError);
    }

    [Fact]
    public async Task OpenApi_IsTheCommittedDocument()
    {
        await using var api = await TestApi.StartAsync();
        var served = JsonNode.Parse(await api.Http.GetStringAsync(new Uri("/api/v1/openapi.json", UriKind.Relative), TestContext.Current.CancellationToken))!;

        // The address it happens to be served from.
        served.AsObject().Remove("servers");
        var text = served.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
        var file = Path.Combine(Root(), Document);
        if (File.Exists(file) && await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken) == text)
        {
            return;
        }

        var made = Path.Combine(AppContext.BaseDirectory, "openapi.json");
        await File.WriteAllTextAsync(made, text, TestContext.Current.CancellationToken);
        Assert.Fail($"The API differs from {Document}. If it is meant to, renew the file: cp {made} {file}");
    }

    private static bool IsDocument(RouteEndpoint endpoint) => endpoint.RoutePattern.RawText!.EndsWith("openapi.json", StringComparison.Ordinal);

    private static HttpMethod MethodOf(RouteEndpoint endpoint) => new(Assert.Single(endpoint.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods));

    /// <summary>Calls an endpoint for things that do not exist.</summary>
    private static async Task<HttpResponseMessage> CallAsync(TestApi api, RouteEndpoint endpoint, params (string Name, string Value)[] headers)
    {
        using var body = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType is { } type ? JsonContent.Create(s_bodies[type], type, options: ManagerJson.Options) : null;
        var path = endpoint.RoutePattern.RawText!.Replace("{id:long}", "999", StringComparison.Ordinal);
        Assert.DoesNotContain('{', path);
        return await api.SendAsync(MethodOf(endpoint), path, body, headers);
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "ClaudeManager.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}
