using System.Globalization;
using System.Net;
using ClaudeManager.Chaos;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Benchmarks.Outages;

/// <summary>
/// <c>outages [SECONDS [KILLS]]</c>: the service in parts, as processes. What its health endpoint and its readers get while PostgreSQL is away, and how soon work goes on afterwards; what requests take while Redis' packets
/// are dropped; how soon a killed Worker's work starts again.
/// </summary>
internal static class OutageBenchmark
{
    private const int Requests = 3_000;
    private static readonly TimeProvider s_time = TimeProvider.System;
    private static readonly List<(string What, string Result, string Bound, bool Held)> s_rows = [];

    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var seconds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 60;
        var kills = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5;
        await DatabaseAsync(TimeSpan.FromSeconds(seconds), ct);
        await RedisAsync(ct);
        await KillsAsync(kills, onAnotherMachine: false, ct);
        await KillsAsync(kills, onAnotherMachine: true, ct);
        Console.WriteLine("| what | result | bound | |\n|---|---|---|---|");
        foreach (var (what, result, bound, held) in s_rows)
        {
            Console.WriteLine($"| {what} | {result} | {bound} | {(held ? "held" : "not held")} |");
        }

        return s_rows.All(r => r.Held) ? 0 : 1;
    }

    private static async Task DatabaseAsync(TimeSpan outage, CancellationToken ct)
    {
        string[] repositories = ["acme/app1", "acme/app2", "acme/app3", "acme/app4"];
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, repositories, ct);
        using var person = new Person(fleet);
        foreach (var repository in repositories)
        {
            await person.PushAsync(repository, Enumerable.Repeat(1.0, 6), ct);
        }

        var runs = new List<long>();
        foreach (var item in await person.ProposedAsync(24, ct))
        {
            runs.Add((await person.ApproveAsync(item.Id, ct)).Id);
        }

        var ids = fleet.Nodes.Select(n => n.ProcessId).ToList();
        var before = await AliveAsync(fleet, person, TimeSpan.FromSeconds(10), ct);

        fleet.Database.Refuse();
        fleet.Database.Reset();
        var reads = ReadAsync(person, outage, ct);
        var during = await AliveAsync(fleet, person, outage, ct);
        var refusals = await reads;
        var back = s_time.GetUtcNow();
        fleet.Database.Accept();

        var read = await SecondsUntilAsync(back, async token =>
        {
            using var answer = await person.Http.GetAsync(new Uri("api/v1/runs", UriKind.Relative), token);
            return answer.StatusCode == HttpStatusCode.OK;
        }, ct);
        var claim = await Eventually.SeeAsync(token => person.NumberAsync($"SELECT extract(epoch FROM min(at) - {back}) * 1000 FROM audit_entries WHERE action = 'run.preparing' AND at > {back}", token), seen => seen is not null, "a run is claimed", ct);
        foreach (var run in runs)
        {
            await person.EndedAsync(run, ct);
        }

        // Whoever waits for its issue looks again under a new attempt: that is no failure.
        var failed = await person.NumberAsync($"SELECT coalesce(sum(failures), 0) FROM runs", ct);
        var again = await person.NumberAsync($"SELECT coalesce(sum(attempt - 1), 0) FROM runs", ct) - failed;
        var completed = await person.NumberAsync($"SELECT count(*) FROM runs WHERE end_reason = 'completed'", ct);
        foreach (var role in new[] { "api", "worker" })
        {
            Row(Text($"`/alive` of the {role} before, p50 / p99"), Text($"{At(before[role], 0.5):0.0} / {At(before[role], 0.99):0.0} ms of {before[role].Count}"), "none", true);
            Row(Text($"the same while PostgreSQL is away for {outage.TotalSeconds:0} s, p50 / p99"), Text($"{At(during[role], 0.5):0.0} / {At(during[role], 0.99):0.0} ms of {during[role].Count}"), "p99 5 ms", At(during[role], 0.99) <= 5);
        }

        Row("reads meanwhile: 503 after, p50 / p99; anything else", Text($"{At(refusals.Milliseconds, 0.5):0} / {At(refusals.Milliseconds, 0.99):0} ms of {refusals.Milliseconds.Count}; {refusals.Others}"), "nothing else", refusals.Others == 0);
        Row("PostgreSQL back to the first read", Text($"{read:0.00} s"), "2 s", read <= 2);
        Row("PostgreSQL back to the next claim", Text($"{claim / 1000.0:0.00} s"), "2 s", claim <= 2000);
        Row("processes that ended; attempts that failed (that looked again whether their issue is filed); acknowledged and completed", Text($"{fleet.Nodes.Zip(ids).Count(n => n.First.ProcessId != n.Second)}; {failed} ({again}); {runs.Count} / {completed}"), "0; no bound; all", completed == runs.Count);
    }

    private static async Task RedisAsync(CancellationToken ct)
    {
        await using var fleet = await ManagerFleet.StartAsync(workers: 0, ["acme/app"], ct, apis: 2);
        using var person = new Person(fleet);
        await RequestsAsync(fleet, person, 1, ct);
        var before = await RequestsAsync(fleet, person, 2, ct);
        fleet.RedisWay.Toxics = new Toxics { BlackHole = true };
        var during = await RequestsAsync(fleet, person, 3, ct);
        fleet.RedisWay.Toxics = Toxics.None;
        var since = s_time.GetUtcNow();
        await Eventually.SeeAsync(token => person.Api.GetFleetAsync(1, token), seen => seen.Instances.All(i => i.Limiter.Source == "shared"), "Redis is asked again", ct);
        var returned = (s_time.GetUtcNow() - since).TotalSeconds;
        var after = await RequestsAsync(fleet, person, 4, ct);
        Row("requests of limited clients, with Redis, p50 / p99", Text($"{At(before, 0.5):0.0} / {At(before, 0.99):0.0} ms of {before.Count}"), "none", true);
        Row("the same while Redis' packets are dropped, p50 / p99 / most", Text($"{At(during, 0.5):0.0} / {At(during, 0.99):0.0} / {during[^1]:0} ms"), "p99 5 ms more", At(during, 0.99) <= At(before, 0.99) + 5);
        Row("the same with Redis again, p50 / p99; back after", Text($"{At(after, 0.5):0.0} / {At(after, 0.99):0.0} ms; {returned:0.0} s, as said with the heartbeat"), "none", true);
    }

    private static async Task KillsAsync(int count, bool onAnotherMachine, CancellationToken ct)
    {
        const string repository = "acme/app";
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, [repository], ct);
        using var person = new Person(fleet);
        await person.PushAsync(repository, Enumerable.Repeat(2.0, count), ct);
        var took = new List<double>();
        foreach (var item in await person.ProposedAsync(count, ct))
        {
            await person.GitHubToldAsync(ct);
            var run = (await person.ApproveAsync(item.Id, ct)).Id;
            var worker = await person.WorkerOfAsync(run, ct);
            if (onAnotherMachine)
            {
                await person.MoveElsewhereAsync(worker, ct);
            }

            var killed = s_time.GetUtcNow();
            await worker.KillAsync(ct);
            took.Add(await Eventually.SeeAsync(token => person.NumberAsync($"SELECT extract(epoch FROM min(at) - {killed}) * 1000 FROM run_events WHERE run_id = {run} AND attempt = 2", token), seen => seen is not null, "it starts again", ct) is { } milliseconds ? milliseconds / 1000.0 : 0);
            await worker.EnsureStartedAsync(ct);
            await person.EndedAsync(run, ct);
        }

        took.Sort();
        Row(onAnotherMachine ? Text($"the same where nobody can see that it is dead (a lease lasts {Lease.Duration.TotalSeconds:0} s)") : "`kill -9` of a Worker to the next attempt of its run, p50 / most", Text($"{At(took, 0.5):0.0} / {took[^1]:0.0} s of {took.Count}"), "15 s", took[^1] <= 15);
    }

    /// <summary>Milliseconds by role, sorted.</summary>
    private static async Task<Dictionary<string, List<double>>> AliveAsync(ManagerFleet fleet, Person person, TimeSpan time, CancellationToken ct)
    {
        var took = new Dictionary<string, List<double>> { ["api"] = [], ["worker"] = [] };
        using var rhythm = new PeriodicTimer(TimeSpan.FromMilliseconds(20), s_time);
        for (var since = s_time.GetTimestamp(); s_time.GetElapsedTime(since) < time && await rhythm.WaitForNextTickAsync(ct);)
        {
            foreach (var node in fleet.Nodes)
            {
                var (milliseconds, status) = await AskAsync(person, new Uri(node.Address!, "alive"), null, ct);
                if (status != HttpStatusCode.OK)
                {
                    throw new InvalidOperationException($"{node.Name}: /alive says {status}.");
                }

                took[node == fleet.Api ? "api" : "worker"].Add(milliseconds);
            }
        }

        foreach (var list in took.Values)
        {
            list.Sort();
        }

        return took;
    }

    private static async Task<(List<double> Milliseconds, int Others)> ReadAsync(Person person, TimeSpan time, CancellationToken ct)
    {
        var (took, others) = (new List<double>(), 0);
        using var rhythm = new PeriodicTimer(TimeSpan.FromMilliseconds(100), s_time);
        // The last answer must not come after the end.
        for (var since = s_time.GetTimestamp(); s_time.GetElapsedTime(since) < time - TimeSpan.FromSeconds(3) && await rhythm.WaitForNextTickAsync(ct);)
        {
            var (milliseconds, status) = await AskAsync(person, new Uri(person.Http.BaseAddress!, "api/v1/overview"), null, ct);
            took.Add(milliseconds);
            others += status == HttpStatusCode.ServiceUnavailable ? 0 : 1;
        }

        took.Sort();
        return (took, others);
    }

    /// <summary>Each request is another client's, so that all are admitted.</summary>
    private static async Task<List<double>> RequestsAsync(ManagerFleet fleet, Person person, int network, CancellationToken ct)
    {
        var took = new List<double>();
        for (var i = 0; i < Requests; i++)
        {
            var (milliseconds, status) = await AskAsync(person, new Uri(fleet.Apis[i % fleet.Apis.Count].Address!, "api/v1/service"), FormattableString.Invariant($"10.{network}.{i / 250}.{i % 250}"), ct);
            if (status != HttpStatusCode.OK)
            {
                throw new InvalidOperationException($"A request got {status}.");
            }

            took.Add(milliseconds);
        }

        took.Sort();
        return took;
    }

    private static async Task<(double Milliseconds, HttpStatusCode Status)> AskAsync(Person person, Uri address, string? client, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (client is not null)
        {
            request.Headers.Add("X-Forwarded-For", client);
        }

        var since = s_time.GetTimestamp();
        using var answer = await person.Http.SendAsync(request, ct);
        return (s_time.GetElapsedTime(since).TotalMilliseconds, answer.StatusCode);
    }

    private static async Task<double> SecondsUntilAsync(DateTimeOffset since, Func<CancellationToken, Task<bool>> look, CancellationToken ct)
    {
        using var rhythm = new PeriodicTimer(TimeSpan.FromMilliseconds(20), s_time);
        while (!await look(ct))
        {
            await rhythm.WaitForNextTickAsync(ct);
        }

        return (s_time.GetUtcNow() - since).TotalSeconds;
    }

    private static double At(List<double> sorted, double part) => sorted[(int)Math.Min(sorted.Count - 1, Math.Ceiling(part * sorted.Count) - 1)];

    private static void Row(string what, string result, string bound, bool held)
    {
        s_rows.Add((what, result, bound, held));
        Console.WriteLine($"{what}: {result} ({bound})");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
