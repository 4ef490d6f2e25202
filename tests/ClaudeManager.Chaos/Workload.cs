using System.Net.Http.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.GitHub;

namespace ClaudeManager.Chaos;

/// <param name="Title">Of the issue it becomes.</param>
/// <param name="ByLabel">Approved by a label on GitHub; else through the API.</param>
internal sealed record WorkPiece(string Repository, string File, string Title, string Comment, double Seconds, bool ByLabel);

/// <summary>What people do meanwhile: they push comments that ask for work, and approve what is proposed, one half on GitHub and one half through the API with idempotency keys.</summary>
internal sealed class Workload : IDisposable
{
    private readonly ManagerFleet _fleet;
    private readonly History _history;
    private readonly Dictionary<string, Attempt> _attempts = [];
    private readonly HashSet<string> _approved = [];
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(20) };

    public Workload(ManagerFleet fleet, History history, ulong seed, IReadOnlyList<string> repositories, int perRepository)
    {
        (_fleet, _history) = (fleet, history);
        var random = new SplitMix(seed ^ 0xA5A5A5A5);
        Items = [.. repositories.SelectMany(repository => Enumerable.Range(1, perRepository).Select(i =>
        {
            var file = FormattableString.Invariant($"src/part{i:00}.sh");
            // One in eight works longer than a lease lasts.
            var seconds = random.Below(8) == 0 ? 13 + (random.Unit() * 4) : random.Unit() * 3;
            return new WorkPiece(repository, file, $"Address TODO in {file}:2", FormattableString.Invariant($"finish piece {i:00} of {repository}"), Math.Round(seconds, 1), random.Below(2) == 0);
        }))];
    }

    public IReadOnlyList<WorkPiece> Items { get; }

    /// <summary>Approvals that the API has acknowledged.</summary>
    public int Acknowledged { get; private set; }

    /// <summary>Goes on until all is approved.</summary>
    /// <param name="progress">From 0 to 1: how far the faults are; the work is spread over them.</param>
    public async Task RunAsync(Func<double> progress, CancellationToken ct)
    {
        var repositories = Items.Select(i => i.Repository).Distinct().ToList();
        var pushed = 0;
        while (_approved.Count < Items.Count)
        {
            while (pushed < repositories.Count && pushed <= progress() * 1.4 * repositories.Count)
            {
                await PushAsync(repositories[pushed++], ct);
                await ScanAsync(ct);
            }

            var allowed = 1 + (int)(progress() * 1.1 * Items.Count);
            foreach (var item in Items.Take(allowed).Where(i => !_approved.Contains(Key(i))))
            {
                if (IssueOf(item) is { } issue && (item.ByLabel ? Label(issue) : await ApproveAsync(item, ct)))
                {
                    _approved.Add(Key(item));
                    _history.Say($"approved {Key(item)} by {(item.ByLabel ? "label" : "the API")}");
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, ct);
        }
    }

    public GitHubIssue? IssueOf(WorkPiece item) => IssuesOf(item).FirstOrDefault();

    public IEnumerable<GitHubIssue> IssuesOf(WorkPiece item)
        => _fleet.GitHub.Repository(ManagerFleet.Manager).Issues.Where(i => i.Title == item.Title && i.Body?.Contains($"**Repository:** {item.Repository}\n", StringComparison.Ordinal) == true);

    public void Dispose() => _http.Dispose();

    private static string Key(WorkPiece item) => $"{item.Repository}/{item.File}";

    private async Task PushAsync(string repository, CancellationToken ct)
    {
        await _fleet.GitHub.Repository(repository).CommitAsync(
            "Pieces",
            Items.Where(i => i.Repository == repository).Select(i => (i.File, (string?)FormattableString.Invariant($"#!/bin/sh\n# TODO: {i.Comment}\n# seconds: {i.Seconds}\necho {i.File}\n"))),
            ct);
        _history.Say($"pushed {repository}");
    }

    private static bool Label(GitHubIssue issue)
    {
        issue.Label(ManagerFleet.Maintainer, "approved-for-dev");
        return true;
    }

    /// <summary>Only to be sooner than the schedule, which looks each minute.</summary>
    private async Task ScanAsync(CancellationToken ct)
    {
        try
        {
            if (_fleet.Api.Address is { } address)
            {
                using var answer = await _http.PostAsync(new Uri(address, "api/v1/repositories/scan"), null, ct);
            }
        }
        catch (Exception e) when (IsAway(e, ct))
        {
            _history.Say("a scan was not answered");
        }
    }

    private async Task<bool> ApproveAsync(WorkPiece item, CancellationToken ct)
    {
        if (_fleet.Api.Address is not { } address)
        {
            return false;
        }

        var api = new ManagerApiClient(new HttpClient(new Away(_http)) { BaseAddress = address });
        try
        {
            if (!_attempts.TryGetValue(Key(item), out var attempt))
            {
                var found = (await api.ListWorkItemsAsync([], null, item.Title, null, 0, 100, ct)).Items.SingleOrDefault(i => i.Title == item.Title && i.Repository == item.Repository);
                if (found is null)
                {
                    return false;
                }

                var preview = await api.PreviewApprovalAsync(found.Id, null, ct);
                attempt = new Attempt(found.Id, Guid.CreateVersion7(TimeProvider.System.GetUtcNow()), new ApproveRequest(preview.Version, preview.PromptSha256, null));
                _attempts[Key(item)] = attempt;
            }

            // The same key and the same words until there is an answer: whatever became of the last time.
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, FormattableString.Invariant($"api/v1/work-items/{attempt.Item}/approval"))) { Content = JsonContent.Create(attempt.Request, options: ManagerJson.Options) };
            request.Headers.Add("Idempotency-Key", attempt.Key.ToString());
            using var answer = await _http.SendAsync(request, ct);
            if (answer.IsSuccessStatusCode)
            {
                Acknowledged++;
                return true;
            }

            var said = await answer.Content.ReadAsStringAsync(ct);
            _history.Say($"approval of {Key(item)}: {(int)answer.StatusCode} {said}");
            if (said.Contains("already_decided", StringComparison.Ordinal))
            {
                // Nobody else approves it: an earlier key of ours did, and its answer was lost.
                return true;
            }

            if ((int)answer.StatusCode is 409 or 412 && !said.Contains("idempotency_in_progress", StringComparison.Ordinal))
            {
                // The item has changed since it was looked at: it is looked at again, which is another request.
                _attempts.Remove(Key(item));
            }

            return false;
        }
        catch (Exception e) when (IsAway(e, ct))
        {
            return false;
        }
    }

    private static bool IsAway(Exception e, CancellationToken ct) => e is HttpRequestException or ManagerApiException or IOException or System.Text.Json.JsonException || (e is OperationCanceledException && !ct.IsCancellationRequested);

    private sealed record Attempt(long Item, Guid Key, ApproveRequest Request);

    /// <summary>Lends out the one client; the address changes with each start of the Api.</summary>
    private sealed class Away(HttpClient http) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var copy = new HttpRequestMessage(request.Method, request.RequestUri) { Content = request.Content };
            return await http.SendAsync(copy, cancellationToken);
        }
    }
}
