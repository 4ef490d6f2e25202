using System.Collections.Concurrent;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.RateLimiting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>
/// Keeps every credential within GitHub's limits, whichever process spends from them: the primary ones as its answers tell them, the secondary ones, which cannot be asked for, by a model of our own. A call waits for its turn
/// only if the turn comes before its deadline; else it fails at once and says when it would come.
/// </summary>
public sealed class GitHubLimits(Store store, IRateLimiter limiter, CurrentConfiguration configuration, TimeProvider time, ILogger<GitHubLimits> logger)
{
    /// <summary>Requests under way at a time in all processes. GitHub allows 100; the rest is for those whose end we do not see.</summary>
    internal const int Places = 80;

    private static readonly TimeSpan s_untilAPlaceIsFree = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_leaseBeyondAnswer = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_primaryWindow = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_firstStrike = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_longestStrike = TimeSpan.FromHours(1);
    private static readonly OperationContext s_operation = OperationContext.Create("github.limit", "system:github");

    private readonly ConcurrentDictionary<string, CredentialLimits> _credentials = new(StringComparer.Ordinal);
    private readonly WriteSchedule _schedule = new(store);

    /// <summary>The primary budgets, as far as this process has been told.</summary>
    public IReadOnlyList<GitHubBudget> Budgets => [.. _credentials.Values.SelectMany(c => c.Budgets)];

    /// <summary>What a batch would cost at most, and when it would be done if nobody else sent anything meanwhile.</summary>
    public async Task<GitHubForecast> ForecastAsync(GitHubCredential credential, GitHubBatch batch, GitHubLane lane, CancellationToken ct)
    {
        var limits = Of(credential);
        var now = time.GetUtcNow();
        var blocked = await BlockedUntilAsync(limits, RequestCost.Core, lane, ct).ConfigureAwait(false);
        var start = blocked ?? now;
        var writes = await _schedule.ForecastAsync(credential.Name, batch, lane, start - now, ct).ConfigureAwait(false);

        var rate = PointLimit.Rest.Limit(lane);
        var missing = Math.Max(0, batch.Points - Math.Min(rate.Burst, limits.PointsLeft(PointLimit.Rest, start)));
        var points = start + (rate.Per * missing / rate.Permits);
        var done = now + writes > points ? now + writes : points;
        return new GitHubForecast(batch.Requests, batch.Points, limits.BudgetOf(RequestCost.Core) is { } budget ? WithinPrimary(budget, lane, batch.Requests, start, done) : done);
    }

    /// <summary>How the budgets stand that this process has spent from.</summary>
    public async Task<IReadOnlyList<GitHubBudgetDto>> ReadAsync(CancellationToken ct)
    {
        var read = new List<GitHubBudgetDto>();
        foreach (var limits in _credentials.Values.OrderBy(l => l.Credential, StringComparer.Ordinal))
        {
            await RefreshAsync(limits, ct).ConfigureAwait(false);
            var content = await _schedule.ContentLeftAsync(limits.Credential, ct).ConfigureAwait(false);
            var now = time.GetUtcNow();
            read.AddRange(limits.Resources.Select(resource =>
            {
                var (budget, (requests, notModified)) = (limits.BudgetOf(resource), limits.CountsOf(resource));
                return new GitHubBudgetDto(
                    limits.Credential, resource, budget?.Limit, budget?.ResetsAt <= now ? budget.Limit : budget?.Remaining, budget?.ResetsAt > now ? budget.ResetsAt : null,
                    limits.PointsLeft(PointLimit.Of(resource), now), PointLimit.Of(resource).AtOnce, resource == RequestCost.Core ? content : null,
                    limits.BlockedUntil(resource, GitHubLane.Interactive, now), requests, notModified);
            }));
        }

        return read;
    }

    /// <summary>Waits until a request may be sent; dispose of the answer when its response is there.</summary>
    /// <exception cref="GitHubException">Its turn comes after the call's deadline.</exception>
    internal async Task<IAsyncDisposable> AdmitAsync(GitHubCredential credential, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var limits = Of(credential);
        // GitHub asks for one write at a time.
        var turn = new Turn(limiter, PlaceOf(credential.Name, call.Lane), limits.Queue.Join(cost.IsWrite ? "write" : cost.Resource, alone: cost.IsWrite, call.Lane, call.Deadline), time);
        try
        {
            while (true)
            {
                if (await TurnAsync(turn.Ticket, call, cost, ct).ConfigureAwait(false) is { } late)
                {
                    throw Refused(cost, late);
                }

                if (await TryAsync(limits, turn, call, cost, ct).ConfigureAwait(false) is not { } until)
                {
                    turn.Ticket.Run();
                    return turn;
                }

                if (until > call.Deadline)
                {
                    throw Refused(cost, until);
                }

                turn.Ticket.Sleep(until);
                await WaitAsync(until, ct).ConfigureAwait(false);
            }
        }
        catch
        {
            await turn.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Learns from an answer. A refusal by a limit stops this credential in all processes, and is answered as the fault to throw.</summary>
    internal async Task<GitHubException?> ObserveAsync(GitHubCredential credential, RequestCost cost, HttpResponseMessage response, CancellationToken ct)
    {
        var limits = Of(credential);
        var now = time.GetUtcNow();
        limits.Count(cost.Resource, response.StatusCode == System.Net.HttpStatusCode.NotModified);
        if (LimitReading.Budget(response, credential.Name, now) is { } budget && limits.Learn(budget))
        {
            await StoreAsync(credential.Name, budget.Resource, row => (row.Limit, row.Remaining, row.ResetsAt) = (budget.Limit, budget.Remaining, budget.ResetsAt), ct).ConfigureAwait(false);
        }

        if (await LimitReading.RefusalAsync(response, now, ct).ConfigureAwait(false) is not { } refusal)
        {
            if (response.IsSuccessStatusCode && limits.Strikes > 0)
            {
                limits.Strikes = 0;
                await StoreAsync(credential.Name, LimitReading.Everything, row => row.Strikes = 0, ct).ConfigureAwait(false);
            }

            return null;
        }

        var strikes = refusal.Wait is null ? limits.Strikes + 1 : limits.Strikes;
        var wait = refusal.Wait ?? TimeSpan.FromTicks(Math.Min(s_firstStrike.Ticks << Math.Min(strikes - 1, 10), s_longestStrike.Ticks));
        limits.Strikes = strikes;
        limits.Block(refusal.Resource, now + wait);
        await StoreAsync(credential.Name, refusal.Resource, row => (row.BlockedUntil, row.Strikes) = (row.BlockedUntil > now + wait ? row.BlockedUntil : now + wait, strikes), ct).ConfigureAwait(false);
        Log.Limited(logger, credential.Name, refusal.Resource, (int)response.StatusCode, wait.TotalSeconds);
        return Refused(cost, now + wait, response);
    }

    /// <summary>Where the requests under way of a credential are counted, of which each lane may be a part.</summary>
    internal SlotScope PlaceOf(string credential, GitHubLane lane)
        => new($"github:{credential}", lane.PartOf(Places), configuration.Value.GitHub.ApiTimeout + s_leaseBeyondAnswer, RateSharers.All);

    private CredentialLimits Of(GitHubCredential credential) => _credentials.GetOrAdd(credential.Name, static name => new CredentialLimits(name));

    /// <returns>Null when it has its turn; else the time at which it would have it.</returns>
    private async Task<DateTimeOffset?> TurnAsync(LaneQueue.Ticket ticket, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        var turn = ticket.TurnAsync();
        if (turn.IsCompleted)
        {
            return await turn.ConfigureAwait(false);
        }

        var patience = call.Deadline - time.GetUtcNow();
        using var timer = new CancellationTokenSource(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, ct);
        try
        {
            return await turn.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw Refused(cost, time.GetUtcNow() + WriteSchedule.Spacing);
        }
    }

    /// <returns>Null when it may be sent now; else when it is worth another try.</returns>
    private async Task<DateTimeOffset?> TryAsync(CredentialLimits limits, Turn turn, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        if (await OutlastAsync(call, token => BlockedUntilAsync(limits, cost.Resource, call.Lane, token), ct).ConfigureAwait(false) is { } blocked)
        {
            return blocked;
        }

        if (!cost.IsWrite)
        {
            return await SpendAsync(limits, turn, call, cost, ct).ConfigureAwait(false);
        }

        var now = time.GetUtcNow();
        var (patience, ahead) = (call.Deadline - now, WriteSchedule.Ahead(call.Lane));
        var (wait, taken) = await OutlastAsync(call, token => _schedule.ReserveAsync(limits.Credential, cost.CreatesContent, call.Lane, patience < ahead ? patience : ahead, token), ct).ConfigureAwait(false);
        if (!taken)
        {
            return now + (wait > patience ? wait : wait - ahead);
        }

        await WaitAsync(now + wait, ct).ConfigureAwait(false);
        while (true)
        {
            if (await OutlastAsync(call, token => BlockedUntilAsync(limits, cost.Resource, call.Lane, token), ct).ConfigureAwait(false) is { } meanwhile)
            {
                return meanwhile;
            }

            if (await SpendAsync(limits, turn, call, cost, ct).ConfigureAwait(false) is not { } until)
            {
                break;
            }

            if (until > call.Deadline)
            {
                return until;
            }

            // A moment is its own, so it is not given back for so short a wait.
            await WaitAsync(until, ct).ConfigureAwait(false);
        }

        // Moments are a second apart, but a turn held up above must not send right before the next one.
        await WaitAsync(limits.LastWrite + WriteSchedule.Spacing, ct).ConfigureAwait(false);
        limits.LastWrite = time.GetUtcNow();
        return null;
    }

    /// <summary>Takes a place and the points, or neither.</summary>
    private async Task<DateTimeOffset?> SpendAsync(CredentialLimits limits, Turn turn, GitHubCall call, RequestCost cost, CancellationToken ct)
    {
        if (!await turn.EnterAsync(ct).ConfigureAwait(false))
        {
            return time.GetUtcNow() + s_untilAPlaceIsFree;
        }

        var points = PointLimit.Of(cost.Resource);
        var decision = await limiter.AcquireAsync(points.Scopes(limits.Credential, call.Lane, cost.Points), ct).ConfigureAwait(false);
        limits.Spent(points, decision.Scopes[0].Remaining, time.GetUtcNow());
        if (decision.Allowed)
        {
            return null;
        }

        await turn.LeaveAsync().ConfigureAwait(false);
        return time.GetUtcNow() + decision.RetryAfter;
    }

    private async Task WaitAsync(DateTimeOffset until, CancellationToken ct)
    {
        var wait = until - time.GetUtcNow();
        if (wait > TimeSpan.Zero)
        {
            // A delay is cut to whole milliseconds, and what is worth another try then is not worth one before.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), time, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Asked of the store each time: nobody sends once another process was told to wait.</summary>
    private async Task<DateTimeOffset?> BlockedUntilAsync(CredentialLimits limits, string resource, GitHubLane lane, CancellationToken ct)
    {
        await RefreshAsync(limits, ct).ConfigureAwait(false);
        return limits.BlockedUntil(resource, lane, time.GetUtcNow());
    }

    private async Task RefreshAsync(CredentialLimits limits, CancellationToken ct)
        => limits.Read(await store.ReadAsync((db, token) => db.GitHubLimits.Where(l => l.Credential == limits.Credential).ToListAsync(token), ct).ConfigureAwait(false));

    /// <summary>Without the store nobody knows whether another process was told to wait, so nothing is sent: a call waits for it as it waits for its turn.</summary>
    private async Task<T> OutlastAsync<T>(GitHubCall call, Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        try
        {
            return await ask(ct).ConfigureAwait(false);
        }
        catch (Exception e) when (DatabaseUnavailableException.IsAway(e) && call.Deadline > time.GetUtcNow())
        {
            using var enough = new CancellationTokenSource(call.Deadline - time.GetUtcNow(), time);
            return await store.OutlastAsync(ask, enough.Token, ct).ConfigureAwait(false);
        }
    }

    /// <summary>GitHub has answered, and nothing of that is lost because the store is away: the other processes then hear of a limit from GitHub.</summary>
    private async Task StoreAsync(string credential, string resource, Action<GitHubLimitEntity> change, CancellationToken ct)
    {
        try
        {
            await store.WriteAsync(s_operation, async (tx, token) =>
            {
                await tx.Db.LockGitHubCredentialAsync(credential, token).ConfigureAwait(false);
                var row = await tx.Db.GitHubLimits.FindAsync([credential, resource], token).ConfigureAwait(false);
                if (row is null)
                {
                    row = new GitHubLimitEntity { Credential = credential, Resource = resource };
                    tx.Db.GitHubLimits.Add(row);
                }

                change(row);
            }, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (DatabaseUnavailableException.IsAway(e))
        {
            Log.LimitNotShared(logger, credential, resource, e);
        }
    }

    /// <summary>What the primary budget does not hold waits for its resets; the rest goes on after the last of them as quickly as it would have gone.</summary>
    private static DateTimeOffset WithinPrimary(GitHubBudget budget, GitHubLane lane, int requests, DateTimeOffset start, DateTimeOffset done)
    {
        var inAWindow = Math.Max(1, lane.PartOf(budget.Limit));
        var (left, reset) = budget.ResetsAt > start ? (Math.Max(0, budget.LeftFor(lane)), budget.ResetsAt) : (inAWindow, start + s_primaryWindow);
        if (requests <= left)
        {
            return done;
        }

        var resets = (requests - left - 1) / inAWindow;
        var last = requests - left - (resets * inAWindow);
        var after = reset + (resets * s_primaryWindow) + ((done - start) * last / requests);
        return after > done ? after : done;
    }

    private static GitHubException Refused(RequestCost cost, DateTimeOffset until, HttpResponseMessage? response = null)
        => new(GitHubProblem.Limited, FormattableString.Invariant($"GitHub's limits leave no room for this request ({cost.Resource}) before {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC."))
        {
            ClearsAt = until,
            Status = response?.StatusCode,
            RequestId = response is null ? null : GitHubHttp.RequestIdOf(response),
        };

    /// <summary>What a request holds while it waits and while it is under way.</summary>
    private sealed class Turn(IRateLimiter limiter, SlotScope place, LaneQueue.Ticket ticket, TimeProvider time) : IAsyncDisposable
    {
        private readonly string _holder = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        private bool _hasPlace;

        public LaneQueue.Ticket Ticket => ticket;

        public async ValueTask<bool> EnterAsync(CancellationToken ct) => _hasPlace = (await limiter.EnterAsync(place, _holder, ct).ConfigureAwait(false)).Taken;

        public ValueTask LeaveAsync()
        {
            var had = _hasPlace;
            _hasPlace = false;
            return had ? limiter.LeaveAsync(place, _holder, CancellationToken.None) : ValueTask.CompletedTask;
        }

        public async ValueTask DisposeAsync()
        {
            ticket.Dispose();
            await LeaveAsync().ConfigureAwait(false);
        }
    }
}
