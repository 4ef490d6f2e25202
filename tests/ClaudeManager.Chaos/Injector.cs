using System.Collections.Concurrent;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.GitHub;
using Npgsql;

namespace ClaudeManager.Chaos;

/// <summary>Carries out a plan of faults, one beginning after the other and each mended by itself, so that they overlap.</summary>
internal sealed class Injector(ManagerFleet fleet, History history)
{
    private const int Pause = 19;
    private const int GoOn = 18;

    /// <summary>A fault that waits for a request of the service is given up after this: the service has nothing to say just now.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    private static readonly (string Method, string Path)[] s_writes =
    [
        ("POST", $"/repos/{ManagerFleet.Manager}/issues"),
        ("POST", $"/repos/{ManagerFleet.Manager}/issues/*/comments"),
        ("POST", "/repos/*/pulls"),
        ("POST", "*/git-receive-pack"),
        ("POST", "*"),
    ];

    private readonly ConcurrentDictionary<Task, bool> _underWay = new();
    private int _struck;
    private int _blackHoles;
    private int _slow;
    private int _refusals;
    private int _redis;

    /// <summary>How many faults have struck something.</summary>
    public int Struck => Volatile.Read(ref _struck);

    /// <summary>By kind.</summary>
    public ConcurrentDictionary<FaultKind, int> Kinds { get; } = new();

    /// <summary>The most faults under way at one time.</summary>
    public int MostAtOnce { get; private set; }

    /// <summary>Goes on until so many have struck, and each is mended.</summary>
    public async Task RunAsync(IEnumerable<Fault> plan, int count, CancellationToken ct)
    {
        foreach (var fault in plan)
        {
            if (Struck >= count)
            {
                break;
            }

            await Task.Delay(fault.After, TimeProvider.System, ct);
            var task = StrikeAsync(fault, ct);
            _underWay[task] = true;
            MostAtOnce = Math.Max(MostAtOnce, _underWay.Count);
            _ = task.ContinueWith(done => _underWay.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        await Task.WhenAll(_underWay.Keys);
        foreach (var node in fleet.Nodes)
        {
            await node.EnsureStartedAsync(ct);
        }
    }

    private async Task StrikeAsync(Fault fault, CancellationToken ct)
    {
        bool struck;
        try
        {
            struck = await DoAsync(fault, ct);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // What it wanted to strike is away already.
            struck = false;
        }

        if (!struck)
        {
            history.Say($"void {fault}");
        }
    }

    private void Strikes(Fault fault)
    {
        Interlocked.Increment(ref _struck);
        Kinds.AddOrUpdate(fault.Kind, 1, (_, n) => n + 1);
        history.Say($"{fault}");
    }

    /// <summary>False when there was nothing to strike.</summary>
    private async Task<bool> DoAsync(Fault fault, CancellationToken ct)
    {
        switch (fault.Kind)
        {
            case FaultKind.KillWorker:
                return await KillAsync(fault, fleet.Workers[fault.Choice % fleet.Workers.Count], ct);
            case FaultKind.KillApi:
                return await KillAsync(fault, fleet.Api, ct);
            case FaultKind.PauseWorker:
                return await PauseAsync(fault, fleet.Workers[fault.Choice % fleet.Workers.Count], ct);
            case FaultKind.PauseApi:
                return await PauseAsync(fault, fleet.Api, ct);
            case FaultKind.KillBackend or FaultKind.PauseBackend:
                return await BackendAsync(fault, ct);
            case FaultKind.DatabaseReset:
                if (fleet.Database.Open == 0)
                {
                    return false;
                }

                Strikes(fault);
                fleet.Database.Reset();
                return true;
            case FaultKind.DatabaseRefuses:
                Strikes(fault);
                Interlocked.Increment(ref _refusals);
                fleet.Database.Refuse();
                fleet.Database.Reset();
                await Task.Delay(fault.Lasts, TimeProvider.System, ct);
                if (Interlocked.Decrement(ref _refusals) == 0)
                {
                    fleet.Database.Accept();
                }

                return true;
            case FaultKind.DatabaseBlackHole:
                Strikes(fault);
                Spoil(ref _blackHoles, 1);
                await Task.Delay(fault.Lasts, TimeProvider.System, ct);
                Spoil(ref _blackHoles, -1);
                return true;
            case FaultKind.DatabaseSlow:
                Strikes(fault);
                Spoil(ref _slow, 1);
                await Task.Delay(fault.Lasts, TimeProvider.System, ct);
                Spoil(ref _slow, -1);
                return true;
            case FaultKind.KillRedis:
                return await RedisAsync(fault, async () =>
                {
                    await fleet.Redis.KillAsync(ct);
                    await Task.Delay(fault.Lasts, TimeProvider.System, ct);
                    await fleet.Redis.StartAgainAsync(ct);
                });
            case FaultKind.PauseRedis:
                return await RedisAsync(fault, async () =>
                {
                    fleet.Redis.Freeze();
                    await Task.Delay(fault.Lasts, TimeProvider.System, ct);
                    fleet.Redis.Thaw();
                });
            case FaultKind.GitHubLosesAnswer:
                return await MeetAsync(fault, new GitHubFault.ResetAfter(), s_writes[fault.Choice % s_writes.Length], 1, ct);
            case FaultKind.GitHubResets:
                return await MeetAsync(fault, new GitHubFault.ResetBefore(), ("*", "*"), 1 + (fault.Choice % 3), ct);
            case FaultKind.GitHubIsAway:
                return await MeetAsync(fault, GitHubFault.Html(), ("*", "*"), 1 + (fault.Choice % 4), ct);
            case FaultKind.GitHubLimits:
                return await MeetAsync(fault, GitHubFault.SecondaryLimit(TimeSpan.FromSeconds(2)), ("*", "/repos/*"), 1, ct);
            case FaultKind.KillAfterGitHubAnswered:
                return await KillAfterAnswerAsync(fault, ct);
            default:
                throw new InvalidOperationException($"No way to do {fault.Kind}.");
        }
    }

    private async Task<bool> KillAsync(Fault fault, Node node, CancellationToken ct)
    {
        if (node.ProcessId is null || await node.KillAsync(ct) is not { } dead)
        {
            return false;
        }

        Strikes(fault);
        await history.DiedAsync(node.Name, dead, ct);
        await Task.Delay(fault.Lasts, TimeProvider.System, ct);
        await node.EnsureStartedAsync(ct);
        return true;
    }

    private async Task<bool> PauseAsync(Fault fault, Node node, CancellationToken ct)
    {
        if (node.Pause() is not { } paused)
        {
            return false;
        }

        Strikes(fault);
        await Task.Delay(fault.Lasts, TimeProvider.System, ct);
        Node.Continue(paused);
        return true;
    }

    private async Task<bool> BackendAsync(Fault fault, CancellationToken ct)
    {
        var backends = await fleet.Postgres.BackendsAsync(ct);
        if (backends.Count == 0)
        {
            return false;
        }

        var backend = backends[fault.Choice % backends.Count];
        if (fault.Kind == FaultKind.KillBackend)
        {
            if (!Signals.Send(backend, Signals.Kill))
            {
                return false;
            }

            Strikes(fault);
            return true;
        }

        if (!Signals.Send(backend, Pause))
        {
            return false;
        }

        Strikes(fault);
        await Task.Delay(fault.Lasts, TimeProvider.System, ct);
        Signals.Send(backend, GoOn);
        return true;
    }

    /// <summary>One server: its faults come one after the other.</summary>
    private async Task<bool> RedisAsync(Fault fault, Func<Task> what)
    {
        if (Interlocked.Exchange(ref _redis, 1) == 1)
        {
            return false;
        }

        try
        {
            Strikes(fault);
            await what();
            return true;
        }
        finally
        {
            Volatile.Write(ref _redis, 0);
        }
    }

    private void Spoil(ref int count, int by)
    {
        Interlocked.Add(ref count, by);
        fleet.Database.Toxics = new Toxics { BlackHole = Volatile.Read(ref _blackHoles) > 0, Latency = TimeSpan.FromMilliseconds(Volatile.Read(ref _slow) > 0 ? 150 : 0) };
    }

    private async Task<bool> MeetAsync(Fault fault, GitHubFault what, (string Method, string Path) where, int times, CancellationToken ct)
    {
        var plan = fleet.GitHub.Fail(where.Method, where.Path, what, times);
        var met = await MetAsync(plan, ct);
        if (met)
        {
            Strikes(fault);
        }

        return met;
    }

    private async Task<bool> KillAfterAnswerAsync(Fault fault, CancellationToken ct)
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (method, path) = s_writes[fault.Choice % s_writes.Length];
        var plan = fleet.GitHub.Fail(method, path, new GitHubFault.Held(held.Task, AfterEffect: true));
        try
        {
            if (!await MetAsync(plan, ct))
            {
                return false;
            }

            Strikes(fault);
            foreach (var worker in fleet.Workers)
            {
                if (await worker.KillAsync(ct) is { } dead)
                {
                    await history.DiedAsync(worker.Name, dead, ct);
                }
            }
        }
        finally
        {
            held.TrySetResult();
        }

        await Task.Delay(fault.Lasts, TimeProvider.System, ct);
        await Task.WhenAll(fleet.Workers.Select(worker => worker.EnsureStartedAsync(ct)));
        return true;
    }

    private static async Task<bool> MetAsync(GitHubFaultPlan plan, CancellationToken ct)
    {
        try
        {
            await plan.Reached.WaitAsync(s_patience, TimeProvider.System, ct);
        }
        catch (TimeoutException)
        {
            // Looked at again below: it may have come in this very moment.
        }

        plan.Stop();
        return plan.Reached.IsCompleted;
    }
}
