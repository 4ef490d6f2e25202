using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace ClaudeManager.Core.Contracts;

/// <summary>A problem answer of the API (RFC 9457) as an exception.</summary>
/// <param name="code">The stable problem code, e.g. <c>stale_version</c>.</param>
public sealed class ManagerApiException(HttpStatusCode status, string code, string title, string? detail, string? traceId, IReadOnlyDictionary<string, string[]> errors)
    : Exception(detail ?? title)
{
    public HttpStatusCode Status => status;

    public string Code => code;

    public string Title => title;

    public string? Detail => detail;

    /// <summary>The correlation id to look the failure up by.</summary>
    public string? TraceId => traceId;

    /// <summary>Field to messages, for validation problems.</summary>
    public IReadOnlyDictionary<string, string[]> Errors => errors;
}

/// <summary>Typed client of <c>/api/v1</c>, used by Web and Cli alike. Every call throws <see cref="ManagerApiException"/> for a problem answer.</summary>
public sealed class ManagerApiClient(HttpClient http)
{
    private const string Root = "api/v1/";

    public Task<ServiceInfoDto> GetServiceAsync(CancellationToken ct) => GetAsync<ServiceInfoDto>("service", ct);

    public Task<OverviewDto> GetOverviewAsync(CancellationToken ct) => GetAsync<OverviewDto>("overview", ct);

    public Task<IReadOnlyList<InstanceDto>> ListInstancesAsync(CancellationToken ct) => GetAsync<IReadOnlyList<InstanceDto>>("instances", ct);

    public Task<Page<RepositoryDto>> ListRepositoriesAsync(int skip, int take, CancellationToken ct)
        => GetAsync<Page<RepositoryDto>>(Query("repositories", ("skip", skip), ("take", take)), ct);

    public Task<RepositoryDto> GetRepositoryAsync(long id, CancellationToken ct) => GetAsync<RepositoryDto>($"repositories/{id}", ct);

    public Task<RepositoryDto> AddRepositoryAsync(AddRepositoryRequest request, CancellationToken ct)
        => SendAsync<RepositoryDto>(HttpMethod.Post, "repositories", request, ct);

    /// <summary>Makes the sample repository (or returns the one there is).</summary>
    public Task<RepositoryDto> AddSampleAsync(CancellationToken ct) => SendAsync<RepositoryDto>(HttpMethod.Post, "repositories/sample", null, ct);

    public Task RemoveRepositoryAsync(long id, CancellationToken ct) => SendAsync(HttpMethod.Delete, $"repositories/{id}", null, ct);

    /// <summary>Dry run of a path that need not be registered; writes nothing.</summary>
    public Task<ScanPreviewDto> PreviewPathAsync(AddRepositoryRequest request, bool explain, CancellationToken ct)
        => SendAsync<ScanPreviewDto>(HttpMethod.Post, Query("repositories/preview", ("explain", explain)), request, ct);

    public Task<ScanPreviewDto> PreviewRepositoryAsync(long id, bool explain, CancellationToken ct)
        => GetAsync<ScanPreviewDto>(Query($"repositories/{id}/preview", ("explain", explain)), ct);

    /// <summary>Lets the findings of the first scan be proposed.</summary>
    public Task<ScanResultDto> AcceptRepositoryAsync(long id, CancellationToken ct)
        => SendAsync<ScanResultDto>(HttpMethod.Post, $"repositories/{id}/accept", null, ct);

    /// <param name="full">Reads every file again instead of only what changed.</param>
    /// <param name="propose">Null: as configured.</param>
    public Task<ScanResultDto> ScanRepositoryAsync(long id, bool full, bool? propose, CancellationToken ct)
        => SendAsync<ScanResultDto>(HttpMethod.Post, Query($"repositories/{id}/scan", ("full", full), ("propose", propose)), null, ct);

    /// <summary>Registers what the configuration names, then scans every repository in one round.</summary>
    public Task<IReadOnlyList<ScanResultDto>> ScanAllRepositoriesAsync(bool full, bool? propose, CancellationToken ct)
        => SendAsync<IReadOnlyList<ScanResultDto>>(HttpMethod.Post, Query("repositories/scan", ("full", full), ("propose", propose)), null, ct);

    public Task<OutboxDto> GetOutboxAsync(CancellationToken ct) => GetAsync<OutboxDto>("outbox", ct);

    /// <summary>Tries at once what is blocked.</summary>
    public Task<OutboxDto> RetryOutboxAsync(CancellationToken ct) => SendAsync<OutboxDto>(HttpMethod.Post, "outbox/retry", null, ct);

    /// <summary>What each live process says of itself.</summary>
    /// <param name="recent">So many of its last errors.</param>
    public Task<FleetDto> GetFleetAsync(int recent, CancellationToken ct) => GetAsync<FleetDto>(Query("fleet", ("recent", recent)), ct);

    /// <summary>Lets nobody call there until the breaker is reset.</summary>
    public Task<FleetDto> IsolateBreakerAsync(IsolateBreakerRequest request, CancellationToken ct) => SendAsync<FleetDto>(HttpMethod.Post, "fleet/breakers/isolate", request, ct);

    public Task<FleetDto> ResetBreakerAsync(ResetBreakerRequest request, CancellationToken ct) => SendAsync<FleetDto>(HttpMethod.Post, "fleet/breakers/reset", request, ct);

    public Task<IReadOnlyList<ClientBlockDto>> ListClientBlocksAsync(CancellationToken ct) => GetAsync<IReadOnlyList<ClientBlockDto>>("blocks", ct);

    /// <summary>Lets a client in again.</summary>
    public Task<ClientBlockDto> LiftClientBlockAsync(long id, CancellationToken ct) => SendAsync<ClientBlockDto>(HttpMethod.Delete, $"blocks/{id}", null, ct);

    /// <param name="states">Empty: every state.</param>
    /// <param name="sort"><c>score</c> (default), <c>-updated</c>, <c>updated</c>, <c>title</c>, <c>id</c>; a leading <c>-</c> turns it round.</param>
    public Task<Page<WorkItemDto>> ListWorkItemsAsync(IReadOnlyList<WorkItemState> states, long? repositoryId, string? search, string? sort, int skip, int take, CancellationToken ct)
        => GetAsync<Page<WorkItemDto>>(Query("work-items", [.. states.Select(s => ("state", (object?)ManagerJson.Name(s))), ("repository", repositoryId), ("search", search), ("sort", sort), ("skip", skip), ("take", take)]), ct);

    public Task<WorkItemDetailDto> GetWorkItemAsync(long id, CancellationToken ct) => GetAsync<WorkItemDetailDto>($"work-items/{id}", ct);

    public Task<WorkItemDetailDto> NewWorkItemAsync(NewWorkItemRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, "work-items", request, ct);

    /// <summary>The work item of an issue; made from the issue itself where this store does not know it. Its label is looked at right away.</summary>
    public Task<WorkItemDetailDto> TakeIssueAsync(TakeIssueRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, "work-items/issue", request, ct);

    public Task<IReadOnlyList<GateDto>> ExplainAsync(long id, CancellationToken ct) => GetAsync<IReadOnlyList<GateDto>>($"work-items/{id}/gates", ct);

    /// <param name="agent">Null: the default agent.</param>
    public Task<ApprovalPreviewDto> PreviewApprovalAsync(long id, string? agent, CancellationToken ct)
        => GetAsync<ApprovalPreviewDto>(Query($"work-items/{id}/approval", ("agent", agent)), ct);

    public Task<WorkItemDetailDto> ApproveAsync(long id, ApproveRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/approval", request, ct);

    /// <summary>What approving each of these would bind; at most 100.</summary>
    public Task<IReadOnlyList<BulkPreviewDto>> PreviewApprovalsAsync(IReadOnlyList<long> ids, string? agent, CancellationToken ct)
        => GetAsync<IReadOnlyList<BulkPreviewDto>>(Query("work-items/approvals", [.. ids.Select(id => ("id", (object?)id)), ("agent", agent)]), ct);

    /// <summary>Each item is decided by itself; the answer says of each what became of it.</summary>
    public Task<BulkResultDto> ApproveManyAsync(BulkApproveRequest request, CancellationToken ct)
        => SendAsync<BulkResultDto>(HttpMethod.Post, "work-items/approvals", request, ct);

    public Task<BulkResultDto> RejectManyAsync(BulkRejectRequest request, CancellationToken ct)
        => SendAsync<BulkResultDto>(HttpMethod.Post, "work-items/rejections", request, ct);

    public Task<BulkResultDto> SnoozeManyAsync(BulkSnoozeRequest request, CancellationToken ct)
        => SendAsync<BulkResultDto>(HttpMethod.Post, "work-items/snoozes", request, ct);

    public Task<WorkItemDetailDto> WithdrawApprovalAsync(long id, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Delete, $"work-items/{id}/approval", null, ct);

    public Task<WorkItemDetailDto> RejectAsync(long id, RejectRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/reject", request, ct);

    public Task<WorkItemDetailDto> SnoozeAsync(long id, SnoozeRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/snooze", request, ct);

    public Task<WorkItemDetailDto> PinAsync(long id, PinRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/pin", request, ct);

    public Task<WorkItemDetailDto> OverrideScoreAsync(long id, OverrideScoreRequest request, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/score", request, ct);

    /// <summary>Back to proposed after reject, snooze, quarantine or park.</summary>
    public Task<WorkItemDetailDto> ReopenAsync(long id, CancellationToken ct)
        => SendAsync<WorkItemDetailDto>(HttpMethod.Post, $"work-items/{id}/reopen", null, ct);

    public Task<Page<RunDto>> ListRunsAsync(IReadOnlyList<RunState> states, long? workItemId, int skip, int take, CancellationToken ct)
        => GetAsync<Page<RunDto>>(Query("runs", [.. states.Select(s => ("state", (object?)ManagerJson.Name(s))), ("workItem", workItemId), ("skip", skip), ("take", take)]), ct);

    public Task<RunDetailDto> GetRunAsync(long id, CancellationToken ct) => GetAsync<RunDetailDto>($"runs/{id}", ct);

    /// <param name="after">Events with a greater sequence number only.</param>
    public Task<IReadOnlyList<RunEventDto>> GetRunEventsAsync(long id, long after, int take, CancellationToken ct)
        => GetAsync<IReadOnlyList<RunEventDto>>(Query($"runs/{id}/events", ("after", after), ("take", take)), ct);

    /// <summary>The result as a patch that <c>git am</c> takes.</summary>
    public async Task<string> GetRunPatchAsync(long id, CancellationToken ct)
    {
        using var response = await http.GetAsync(new Uri($"{Root}runs/{id}/patch", UriKind.Relative), ct).ConfigureAwait(false);
        await ThrowIfProblemAsync(response, ct).ConfigureAwait(false);
        return await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false);
    }

    public Task<RunDetailDto> CancelRunAsync(long id, CancellationToken ct) => SendAsync<RunDetailDto>(HttpMethod.Post, $"runs/{id}/cancel", null, ct);

    /// <summary>A fresh run of the same item under the same approval.</summary>
    public Task<AcceptedDto> RetryRunAsync(long id, CancellationToken ct) => SendAsync<AcceptedDto>(HttpMethod.Post, $"runs/{id}/retry", null, ct);

    /// <summary>Goes on from the run's last snapshot and session.</summary>
    public Task<AcceptedDto> ResumeRunAsync(long id, CancellationToken ct) => SendAsync<AcceptedDto>(HttpMethod.Post, $"runs/{id}/resume", null, ct);

    /// <summary>Lets a result through that the diff gate blocked.</summary>
    public Task<AcceptedDto> LiftBlockAsync(long id, LiftBlockRequest request, CancellationToken ct) => SendAsync<AcceptedDto>(HttpMethod.Post, $"runs/{id}/publish", request, ct);

    public Task<DatabaseStatusDto> GetDatabaseStatusAsync(CancellationToken ct) => GetAsync<DatabaseStatusDto>("database", ct);

    /// <summary>The live feed; ends when the connection does. Reconnecting (with the last id) is the caller's.</summary>
    public async IAsyncEnumerable<ChangeEventDto> ReadEventsAsync(string? lastEventId, [EnumeratorCancellation] CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Root + "events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct).ConfigureAwait(false);
        await ThrowIfProblemAsync(response, ct).ConfigureAwait(false);
        await using var stream = await response.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(ct).ConfigureAwait(false))
        {
            if (item.Data.Length > 0 && JsonSerializer.Deserialize<ChangeEventDto>(item.Data, ManagerJson.Options) is { } change)
            {
                yield return change;
            }
        }
    }

    private async Task<T> GetAsync<T>(string path, CancellationToken ct)
    {
        using var response = await http.GetAsync(new Uri(Root + path, UriKind.Relative), ct).ConfigureAwait(false);
        return await ReadAsync<T>(response, ct).ConfigureAwait(false);
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendCoreAsync(method, path, body, ct).ConfigureAwait(false);
        return await ReadAsync<T>(response, ct).ConfigureAwait(false);
    }

    private async Task SendAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendCoreAsync(method, path, body, ct).ConfigureAwait(false);
        await ThrowIfProblemAsync(response, ct).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> SendCoreAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, Root + path);
        if (body is not null)
        {
            request.Content = JsonContent.Create(body, body.GetType(), options: ManagerJson.Options);
        }

        return await http.SendAsync(request, ct).ConfigureAwait(false);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken ct)
    {
        await ThrowIfProblemAsync(response, ct).ConfigureAwait(false);
        return await response.Content.ReadFromJsonAsync<T>(ManagerJson.Options, ct).ConfigureAwait(false)
            ?? throw new ManagerApiException(response.StatusCode, "empty_answer", "The server sent an empty answer.", null, null, new Dictionary<string, string[]>());
    }

    private static async Task ThrowIfProblemAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var text = await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false);
        var title = $"The server answered {(int)response.StatusCode}.";
        string? detail = null, traceId = null;
        var code = response.StatusCode.ToString();
        var errors = new Dictionary<string, string[]>();
        if (response.Content.Headers.ContentType?.MediaType?.Contains("json", StringComparison.Ordinal) == true)
        {
            try
            {
                using var problem = JsonDocument.Parse(text);
                title = Text(problem, "title") ?? title;
                detail = Text(problem, "detail");
                traceId = Text(problem, "traceId");
                code = Text(problem, "code") ?? code;
                if (problem.RootElement.TryGetProperty("errors", out var fields) && fields.ValueKind == JsonValueKind.Object)
                {
                    foreach (var field in fields.EnumerateObject().Where(f => f.Value.ValueKind == JsonValueKind.Array))
                    {
                        errors[field.Name] = [.. field.Value.EnumerateArray().Select(v => v.ToString())];
                    }
                }
            }
            catch (JsonException)
            {
                detail = "The answer was cut or is not JSON.";
            }
        }

        throw new ManagerApiException(response.StatusCode, code, title, detail, traceId, errors);
    }

    private static string? Text(JsonDocument document, string name)
        => document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Query(string path, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var text = new StringBuilder(path);
        var separator = '?';
        foreach (var (name, value) in parameters)
        {
            if (value is null)
            {
                continue;
            }

            text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value is bool b ? (b ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
            separator = '&';
        }

        return text.ToString();
    }
}
