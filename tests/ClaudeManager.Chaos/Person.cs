using System.Globalization;
using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Processes;
using Npgsql;

namespace ClaudeManager.Chaos;

/// <summary>Somebody who pushes work, approves it at the Api and looks how it stands; and who may look into the store behind the service's back.</summary>
public sealed class Person : IDisposable
{
    private readonly ManagerFleet _fleet;
    private readonly HttpClient _http;

    public Person(ManagerFleet fleet)
    {
        _fleet = fleet;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = fleet.Api.Address, Timeout = Eventually.Patience };
        Api = new ManagerApiClient(_http);
    }

    public HttpClient Http => _http;

    public ManagerApiClient Api { get; }

    /// <summary>One piece of work for each entry: how long the agent works at it, in silence.</summary>
    public async Task PushAsync(string repository, IEnumerable<double> seconds, CancellationToken ct)
        => await _fleet.GitHub.Repository(repository).CommitAsync(
            "Pieces",
            [("README.md", "# Pieces\n"), .. seconds.Select((s, i) => (FormattableString.Invariant($"src/part{i + 1:00}.sh"), (string?)FormattableString.Invariant($"#!/bin/sh\n# TODO: finish piece {i + 1:00} of {repository}\n# seconds: {s}\necho {i + 1}\n")))],
            ct);

    /// <summary>Waits until so many are proposed, and returns them in the order of their files.</summary>
    public async Task<IReadOnlyList<WorkItemDto>> ProposedAsync(int count, CancellationToken ct)
        => await Eventually.SeeAsync(
            async token =>
            {
                try
                {
                    await Api.ScanAllRepositoriesAsync(full: false, propose: true, token);
                }
                catch (ManagerApiException e)
                {
                    throw new InvalidOperationException($"{e.Message}\n{_fleet.Api.Faults}", e);
                }

                return (IReadOnlyList<WorkItemDto>)[.. (await Api.ListWorkItemsAsync([WorkItemState.Proposed], null, null, null, 0, 500, token)).Items.OrderBy(i => i.Repository, StringComparer.Ordinal).ThenBy(i => i.Title, StringComparer.Ordinal)];
            },
            items => items.Count == count,
            string.Create(CultureInfo.InvariantCulture, $"{count} pieces are proposed"),
            ct);

    /// <summary>Waits until GitHub knows all it is to know: who has begun to tell it holds the entry for two minutes.</summary>
    public Task GitHubToldAsync(CancellationToken ct)
        => Eventually.SeeAsync(token => NumberAsync($"SELECT count(*) FROM outbox WHERE state IN ('pending', 'blocked')", token), count => count == 0, "GitHub is told", ct);

    /// <summary>Approves an item as it is shown, and returns its run.</summary>
    public async Task<RunDto> ApproveAsync(long item, CancellationToken ct)
    {
        var preview = await Api.PreviewApprovalAsync(item, null, ct);
        return (await Api.ApproveAsync(item, new ApproveRequest(preview.Version, preview.PromptSha256, null), ct)).Runs.MaxBy(run => run.Id)!;
    }

    /// <summary>Waits until an agent works, and returns the Worker that holds the run.</summary>
    public async Task<Node> WorkerOfAsync(long run, CancellationToken ct)
    {
        var process = await Eventually.SeeAsync(
            token => NumberAsync($"SELECT i.process_id FROM runs r JOIN instances i ON i.boot_id = r.lease_owner JOIN run_processes p ON p.run_id = r.id AND p.attempt = r.attempt AND p.ended_at IS NULL WHERE r.state = 'running' AND r.id = {run} LIMIT 1", token),
            seen => seen is not null, $"an agent works on run {run.ToString(CultureInfo.InvariantCulture)}", ct);
        return _fleet.Workers.Single(w => w.ProcessId == process);
    }

    /// <summary>The others take its process for one on another machine: they cannot see whether it lives, nor stop what it started.</summary>
    public Task MoveElsewhereAsync(Node node, CancellationToken ct) => NumberAsync($"UPDATE instances SET host = 'elsewhere', process_space = 'elsewhere' WHERE process_id = {node.ProcessId}", ct);

    /// <summary>Waits for a run's end, whoever is away meanwhile.</summary>
    public async Task<RunDetailDto> EndedAsync(long run, CancellationToken ct)
        => (await Eventually.SeeAsync(
            async token =>
            {
                try
                {
                    return await Api.GetRunAsync(run, token);
                }
                catch (ManagerApiException e) when (e.Status == HttpStatusCode.ServiceUnavailable)
                {
                    return null;
                }
            },
            seen => seen?.Run.State == RunState.Ended, $"run {run.ToString(CultureInfo.InvariantCulture)} ends", ct))!;

    /// <summary>The first column of the first row; null where there is none.</summary>
    public async Task<long?> NumberAsync(FormattableString sql, CancellationToken ct)
    {
        await using var connection = await _fleet.Postgres.OpenAsync(ct);
#pragma warning disable CA2100 // The arguments are parameters.
        await using var command = new NpgsqlCommand(string.Format(CultureInfo.InvariantCulture, sql.Format, [.. Enumerable.Range(1, sql.ArgumentCount).Select(i => "$" + i.ToString(CultureInfo.InvariantCulture))]), connection);
#pragma warning restore CA2100
        foreach (var argument in sql.GetArguments())
        {
            command.Parameters.AddWithValue(argument!);
        }

        return await command.ExecuteScalarAsync(ct) is { } value and not DBNull ? Convert.ToInt64(value, CultureInfo.InvariantCulture) : null;
    }

    public void Dispose() => _http.Dispose();
}
