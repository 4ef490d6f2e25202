using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>
/// Keeps every credential within GitHub's limits: the primary ones as its answers tell them, the secondary ones, which cannot be asked for, by a model of our own. A call waits for its turn
/// only if the turn comes before its deadline; else it fails at once and says when it would come.
/// </summary>
public sealed class GitHubLimits(Store store, TimeProvider time, ILogger<GitHubLimits> logger) : IDisposable
{
    // GitHub allows 100, its own client libraries use 10.
    private const int Concurrency = 10;

    // Half of GitHub's 900 and 2,000: points are counted in each process alone.
    private const int RestPoints = 450;
    private const int GraphQLPoints = 1000;

    private static readonly TimeSpan s_refresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_firstStrike = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_longestStrike = TimeSpan.FromHours(1);
    private static readonly OperationContext s_operation = OperationContext.Create("github.limit", "system:github");

    private readonly ConcurrentDictionary<string, CredentialLimits> _credentials = new(StringComparer.Ordinal);
    private readonly WriteSchedule _schedule = new(store);

    /// <summary>The primary budgets, as far as this process has been told.</summary>
    public IReadOnlyList<GitHubBudget> Budgets => [.. _credentials.Values.SelectMany(c => c.Budgets.Values)];

    /// <summary>When <paramref name="count"/> issues, comments or pull requests more would be there, if nobody else writes meanwhile.</summary>
    public async Task<DateTimeOffset> ForecastAsync(GitHubCredential credential, int count, CancellationToken ct)
    {
        var wait = await _schedule.ForecastAsync(credential.Name, count, ct).ConfigureAwait(false);
        var now = time.GetUtcNow();
        return Later(now + wait, await BlockedUntilAsync(Of(credential), RequestCost.Core, ct).ConfigureAwait(false));
    }

    /// <summary>Waits until a request may be sent; dispose of the answer when its response is there.</summary>
    /// <exception cref="GitHubException">Its turn comes after the call's deadline.</exception>
    internal async Task<IDisposable> AdmitAsync(GitHubCredential credential, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var limits = Of(credential);
        var turn = new Turn();
        try
        {
            if (cost.IsWrite)
            {
                turn.Add(await EnterAsync(limits.Writes, call, cost, ct).ConfigureAwait(false));
                await WaitForSlotAsync(limits, call, cost, ct).ConfigureAwait(false);
            }

            turn.Add(await EnterAsync(limits.Concurrency, call, cost, ct).ConfigureAwait(false));
            while (await BlockedUntilAsync(limits, cost.Resource, ct).ConfigureAwait(false) is { } until)
            {
                await WaitAsync(until, call, cost, ct).ConfigureAwait(false);
            }

            var window = cost.Resource == RequestCost.GraphQL ? limits.GraphQLPoints : limits.RestPoints;
            while (window.TrySpend(cost.Points) is { } until)
            {
                await WaitAsync(until, call, cost, ct).ConfigureAwait(false);
            }

            if (cost.IsWrite)
            {
                // Slots are a second apart, but a turn held up above must not send right before the next one.
                await WaitAsync(limits.LastWrite + WriteSchedule.Spacing, call, cost, ct).ConfigureAwait(false);
                limits.LastWrite = time.GetUtcNow();
            }

            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>Learns from an answer. A refusal by a limit stops this credential in all processes, and is answered as the fault to throw.</summary>
    internal async Task<GitHubException?> ObserveAsync(GitHubCredential credential, RequestCost cost, HttpResponseMessage response, CancellationToken ct)
    {
        var limits = Of(credential);
        var now = time.GetUtcNow();
        if (LimitReading.Budget(response, credential.Name, now) is { } budget)
        {
            limits.Budgets[budget.Resource] = budget;
        }

        if (await LimitReading.RefusalAsync(response, now, ct).ConfigureAwait(false) is not { } refusal)
        {
            if (response.IsSuccessStatusCode && limits.Strikes > 0)
            {
                limits.Strikes = 0;
                await StoreAsync(credential.Name, LimitReading.Everything, null, 0, ct).ConfigureAwait(false);
            }

            return null;
        }

        var strikes = refusal.Wait is null ? limits.Strikes + 1 : limits.Strikes;
        var wait = refusal.Wait ?? TimeSpan.FromTicks(Math.Min(s_firstStrike.Ticks << Math.Min(strikes - 1, 10), s_longestStrike.Ticks));
        limits.Strikes = strikes;
        limits.Block(refusal.Resource, now + wait);
        await StoreAsync(credential.Name, refusal.Resource, now + wait, strikes, ct).ConfigureAwait(false);
        Log.Limited(logger, credential.Name, refusal.Resource, (int)response.StatusCode, wait.TotalSeconds);
        return Refused(cost, now + wait, response);
    }

    public void Dispose()
    {
        foreach (var limits in _credentials.Values)
        {
            limits.Dispose();
        }
    }

    private CredentialLimits Of(GitHubCredential credential) => _credentials.GetOrAdd(credential.Name, static (name, time) => new CredentialLimits(name, time), time);

    private async Task WaitForSlotAsync(CredentialLimits limits, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var (wait, taken) = await _schedule.ReserveAsync(limits.Credential, cost.CreatesContent, call.Deadline - now, ct).ConfigureAwait(false);
        if (!taken)
        {
            throw Refused(cost, now + wait);
        }

        await WaitAsync(now + wait, call, cost, ct).ConfigureAwait(false);
    }

    private async Task WaitAsync(DateTimeOffset until, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var wait = until - time.GetUtcNow();
        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        if (until > call.Deadline)
        {
            throw Refused(cost, until);
        }

        await Task.Delay(wait, time, ct).ConfigureAwait(false);
    }

    private async Task<IDisposable> EnterAsync(ConcurrencyLimiter limiter, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var patience = call.Deadline - time.GetUtcNow();
        using var timer = new CancellationTokenSource(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, ct);
        try
        {
            return await limiter.AcquireAsync(1, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw Refused(cost, time.GetUtcNow() + WriteSchedule.Spacing);
        }
    }

    private async Task<DateTimeOffset?> BlockedUntilAsync(CredentialLimits limits, string resource, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        if (now - limits.RefreshedAt >= s_refresh)
        {
            var stored = await store.ReadAsync((db, token) => db.GitHubLimits.Where(l => l.Credential == limits.Credential).ToListAsync(token), ct).ConfigureAwait(false);
            limits.Refresh(stored, now);
        }

        return limits.BlockedUntil(resource, now);
    }

    private Task StoreAsync(string credential, string resource, DateTimeOffset? until, int strikes, CancellationToken ct)
        => store.WriteAsync(s_operation, async (tx, token) =>
        {
            await tx.Db.LockGitHubCredentialAsync(credential, token).ConfigureAwait(false);
            var row = await tx.Db.GitHubLimits.FindAsync([credential, resource], token).ConfigureAwait(false);
            if (row is null)
            {
                row = new GitHubLimitEntity { Credential = credential, Resource = resource };
                tx.Db.GitHubLimits.Add(row);
            }

            row.BlockedUntil = row.BlockedUntil > until ? row.BlockedUntil : until;
            row.Strikes = strikes;
        }, ct);

    private static GitHubException Refused(RequestCost cost, DateTimeOffset until, HttpResponseMessage? response = null)
        => new(GitHubProblem.Limited, FormattableString.Invariant($"GitHub's limits leave no room for this request ({cost.Resource}) before {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC."))
        {
            ClearsAt = until,
            Status = response?.StatusCode,
            RequestId = response is null ? null : GitHubHttp.RequestIdOf(response),
        };

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset? other) => other > one ? other.Value : one;

    private sealed class CredentialLimits(string credential, TimeProvider time) : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, DateTimeOffset> _blocks = new(StringComparer.Ordinal);

        public string Credential => credential;

        public ConcurrencyLimiter Concurrency { get; } = new(new ConcurrencyLimiterOptions { PermitLimit = GitHubLimits.Concurrency, QueueLimit = int.MaxValue });

        /// <summary>GitHub asks for one write at a time.</summary>
        public ConcurrencyLimiter Writes { get; } = new(new ConcurrencyLimiterOptions { PermitLimit = 1, QueueLimit = int.MaxValue });

        public PointWindow RestPoints { get; } = new(GitHubLimits.RestPoints, time);

        public PointWindow GraphQLPoints { get; } = new(GitHubLimits.GraphQLPoints, time);

        public ConcurrentDictionary<string, GitHubBudget> Budgets { get; } = new(StringComparer.Ordinal);

        public DateTimeOffset LastWrite { get; set; } = DateTimeOffset.MinValue;

        public DateTimeOffset RefreshedAt { get; private set; } = DateTimeOffset.MinValue;

        public int Strikes { get; set; }

        public void Block(string resource, DateTimeOffset until)
        {
            lock (_lock)
            {
                _blocks[resource] = _blocks.TryGetValue(resource, out var known) ? Later(known, until) : until;
            }
        }

        public void Refresh(IEnumerable<GitHubLimitEntity> stored, DateTimeOffset now)
        {
            foreach (var row in stored)
            {
                if (row.BlockedUntil is { } until)
                {
                    Block(row.Resource, until);
                }

                if (row.Resource == LimitReading.Everything)
                {
                    Strikes = row.Strikes;
                }
            }

            RefreshedAt = now;
        }

        public DateTimeOffset? BlockedUntil(string resource, DateTimeOffset now)
        {
            DateTimeOffset? until = Budgets.TryGetValue(resource, out var budget) && budget.Remaining == 0 && budget.ResetsAt > now ? budget.ResetsAt : null;
            lock (_lock)
            {
                foreach (var name in (ReadOnlySpan<string>)[resource, LimitReading.Everything])
                {
                    if (_blocks.TryGetValue(name, out var blocked) && blocked > now)
                    {
                        until = Later(blocked, until);
                    }
                }
            }

            return until;
        }

        public void Dispose()
        {
            Concurrency.Dispose();
            Writes.Dispose();
        }
    }

    /// <summary>What a request holds while it is under way.</summary>
    private sealed class Turn : IDisposable
    {
        private readonly List<IDisposable> _held = [];

        public void Add(IDisposable held) => _held.Add(held);

        public void Dispose()
        {
            foreach (var held in _held)
            {
                held.Dispose();
            }
        }
    }
}
