using System.Diagnostics.CodeAnalysis;

namespace ClaudeManager.Core.RateLimiting;

/// <summary>
/// Counts in this process, on its monotonic clock. One lock: a decision holds it for less time than taking several finer ones would cost. Where other instances live, each keeps to its share of what all of
/// them spend.
/// </summary>
public sealed class InProcessRateLimiter : IRateLimiter
{
    /// <summary>Whoever comes when there are so many accounts shares one with all others above it, so that nobody can fill the memory, nor empty it of what was counted.</summary>
    internal const int MostAccounts = 100_000;

    private const string Overflow = "\0overflow";

    private static readonly TimeSpan s_sweepInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<RateScope, Account> _accounts = new(AccountComparer.Instance);
    private readonly Dictionary<string, Dictionary<string, long>> _slots = new(StringComparer.Ordinal);
    private readonly Account?[] _found = new Account?[Scopes.Most];
    private readonly TimeProvider _time;
    private readonly LimiterTelemetry? _telemetry;
    private readonly Func<LiveInstances> _liveInstances;
    private readonly long _origin;
    private long _sweepAt;

    /// <param name="telemetry">Null where somebody else counts the decisions.</param>
    /// <param name="liveInstances">Asked at every decision; nobody else where it is not given.</param>
    internal InProcessRateLimiter(TimeProvider time, LimiterTelemetry? telemetry, Func<LiveInstances>? liveInstances = null)
    {
        _liveInstances = liveInstances ?? (static () => LiveInstances.Alone);
        _time = time;
        _telemetry = telemetry;
        _origin = time.GetTimestamp();
        _sweepAt = (long)s_sweepInterval.TotalMicroseconds;
        State = new LimiterState(LimiterSource.InProcess, time.GetUtcNow());
    }

    public LimiterState State { get; }

    internal int AccountCount
    {
        get
        {
            lock (_lock)
            {
                return _accounts.Count + _slots.Count;
            }
        }
    }

    private long Now => _time.GetElapsedTime(_origin).Ticks / TimeSpan.TicksPerMicrosecond;

    public ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Scopes.Check(scopes.Span);
        var decision = Decide(scopes.Span, _liveInstances());
        _telemetry?.Decided(LimiterSource.InProcess, decision.Allowed);
        return ValueTask.FromResult(decision);
    }

    public ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Scopes.Check(scope);
        return ValueTask.FromResult(Enter(scope, holder, _liveInstances()));
    }

    public ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct)
    {
        Leave(scope, holder);
        return ValueTask.CompletedTask;
    }

    /// <param name="instances">Each limit is applied as one of so many instances' share.</param>
    internal RateDecision Decide(ReadOnlySpan<RateScope> scopes, LiveInstances instances)
    {
        var readings = new ScopeReading[scopes.Length];
        lock (_lock)
        {
            var now = Now;
            SweepIfDue(now);
            var allowed = true;
            for (var i = 0; i < scopes.Length; i++)
            {
                ref readonly var scope = ref scopes[i];
                var limit = scope.Limit.Share(instances.Of(scope.Sharers), scope.Cost);
                var account = _found[i] = Find(scope);
                var level = Math.Max(0, (account?.FullAt ?? 0) - now);
                var wait = level + (limit.Interval * scope.Cost) - limit.Tolerance;
                allowed &= wait <= 0;
                readings[i] = ScopeReading.Of(limit, Math.Min(level, limit.Tolerance), Math.Max(0, wait));
            }

            if (allowed)
            {
                for (var i = 0; i < scopes.Length; i++)
                {
                    ref readonly var scope = ref scopes[i];
                    var limit = scope.Limit.Share(instances.Of(scope.Sharers), scope.Cost);
                    var account = _found[i] ?? Open(scope);
                    account.FullAt = Math.Max(account.FullAt, now) + (limit.Interval * scope.Cost);
                    readings[i] = ScopeReading.Of(limit, account.FullAt - now, 0);
                }
            }

            return new RateDecision(allowed, readings);
        }
    }

    /// <summary>Notes what was admitted elsewhere, so that the share begins with what is left of it: at worst empty, never in debt.</summary>
    internal void Charge(ReadOnlySpan<RateScope> scopes, LiveInstances instances)
    {
        lock (_lock)
        {
            var now = Now;
            SweepIfDue(now);
            foreach (ref readonly var scope in scopes)
            {
                var limit = scope.Limit.Share(instances.Of(scope.Sharers), scope.Cost);
                var account = Find(scope) ?? Open(scope);
                account.FullAt = Math.Min(Math.Max(account.FullAt, now) + (limit.Interval * scope.Cost), now + limit.Tolerance);
            }
        }
    }

    internal SlotDecision Enter(SlotScope scope, string holder, LiveInstances instances)
    {
        lock (_lock)
        {
            var now = Now;
            SweepIfDue(now);
            var holders = HoldersOf(scope, now);
            if (!holders.ContainsKey(holder) && holders.Count >= Math.Max(1, scope.Slots / instances.Of(scope.Sharers)))
            {
                return new SlotDecision(false, TimeSpan.FromMicroseconds(holders.Values.Min() - now));
            }

            holders[holder] = now + (long)scope.Lease.TotalMicroseconds;
            return new SlotDecision(true, TimeSpan.Zero);
        }
    }

    /// <summary>Notes a place that was given elsewhere.</summary>
    internal void Hold(SlotScope scope, string holder)
    {
        lock (_lock)
        {
            var now = Now;
            HoldersOf(scope, now)[holder] = now + (long)scope.Lease.TotalMicroseconds;
        }
    }

    internal void Leave(SlotScope scope, string holder)
    {
        lock (_lock)
        {
            if (_slots.TryGetValue(scope.Key, out var holders) && holders.Remove(holder) && holders.Count == 0)
            {
                _slots.Remove(scope.Key);
            }
        }
    }

    private Account? Find(in RateScope scope)
        => _accounts.TryGetValue(scope, out var account) || (_accounts.Count >= MostAccounts && _accounts.TryGetValue(scope with { Key = Overflow }, out account)) ? account : null;

    private Account Open(in RateScope scope)
    {
        var account = new Account();
        _accounts[_accounts.Count >= MostAccounts ? scope with { Key = Overflow } : scope] = account;
        return account;
    }

    private Dictionary<string, long> HoldersOf(SlotScope scope, long now)
    {
        if (!_slots.TryGetValue(scope.Key, out var holders))
        {
            _slots[scope.Key] = holders = new Dictionary<string, long>(StringComparer.Ordinal);
        }

        RemoveEnded(holders, now);
        return holders;
    }

    private void SweepIfDue(long now)
    {
        if (now < _sweepAt)
        {
            return;
        }

        _sweepAt = now + (long)s_sweepInterval.TotalMicroseconds;
        foreach (var (scope, account) in _accounts)
        {
            // A full account says no more than none at all.
            if (account.FullAt <= now)
            {
                _accounts.Remove(scope);
            }
        }

        foreach (var (key, holders) in _slots)
        {
            RemoveEnded(holders, now);
            if (holders.Count == 0)
            {
                _slots.Remove(key);
            }
        }

        _accounts.TrimExcess();
    }

    private static void RemoveEnded(Dictionary<string, long> holders, long now)
    {
        foreach (var (holder, end) in holders)
        {
            if (end <= now)
            {
                holders.Remove(holder);
            }
        }
    }

    private sealed class Account
    {
        /// <summary>GCRA's theoretical arrival time, in microseconds of <see cref="Now"/>.</summary>
        public long FullAt { get; set; }
    }

    /// <summary>An account is a key and a limit; what one request costs is not part of it.</summary>
    private sealed class AccountComparer : IEqualityComparer<RateScope>
    {
        public static readonly AccountComparer Instance = new();

        public bool Equals(RateScope x, RateScope y) => Scopes.SameAccount(x, y);

        public int GetHashCode([DisallowNull] RateScope obj) => HashCode.Combine(obj.Key.GetHashCode(StringComparison.Ordinal), obj.Limit.Interval, obj.Limit.Burst);
    }
}
