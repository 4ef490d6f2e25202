using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Benchmarks.Latency;

/// <summary>
/// <c>latency [ROUNDS [--trace]]</c>: the all-in-one as a process of its own: from process start to its first answer, and from a person's approval to the agent's first line of output,
/// in a repository of 1,000 files. Everything real: HTTP, SQLite, git, sandbox.
/// </summary>
internal static class LatencyBenchmark
{
    private static readonly TimeProvider s_time = TimeProvider.System;

    /// <summary>Between the end of one run and the next approval, as a person takes at least. The next workspace is made meanwhile.</summary>
    private static readonly TimeSpan s_betweenApprovals = TimeSpan.FromSeconds(4);
    private static bool s_trace;

    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        s_trace = args.Contains("--trace");
        var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 30;
        await using var repository = await TestRepository.CreateAsync(ct, Files(1000, rounds + 1));
        await repository.CommitAsync("A repository of 1,000 files", ct);
        var root = Directory.CreateTempSubdirectory("claude-manager-latency-").FullName;
        var config = Path.Combine(root, "config.json");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            analyzer = new { maxIssuesPerRepo = 100, maxTodosPerFile = 100, scanForTodos = true },
            executor = new
            {
                defaultExecutor = "command:probe",
                commands = new Dictionary<string, object> { ["probe"] = new { program = "sh", args = new[] { "-c", "echo started; cat > /dev/null" } } },
            },
        }), ct);
        var exe = Path.Combine(AppContext.BaseDirectory, "..", "..", "ClaudeManager.Cli", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "ClaudeManager.Cli");
        if (!File.Exists(exe))
        {
            await Console.Error.WriteLineAsync($"{exe} is missing: dotnet build -c Release ClaudeManager.Cli");
            return 2;
        }

        try
        {
            var starts = new List<double>();
            for (var i = 0; i < 5; i++)
            {
                await using var server = await ServerProcess.StartAsync(exe, root, config, ct);
                starts.Add(server.Seconds);
            }

            var latencies = new List<double>();
            await using (var server = await ServerProcess.StartAsync(exe, root, config, ct))
            {
                var api = server.Api;
                var added = await api.AddRepositoryAsync(new AddRepositoryRequest(repository.Path, Propose: true), ct);
                await api.ScanRepositoryAsync(added.Id, full: false, propose: true, ct);
                var items = await api.ListWorkItemsAsync([WorkItemState.Proposed], added.Id, null, "id", 0, 500, ct);
                foreach (var item in items.Items.Take(rounds + 1))
                {
                    await Task.Delay(s_betweenApprovals, s_time, ct);
                    latencies.Add(await ApproveAsync(api, item.Id, ct));
                }
            }

            // The first run fetches the base commit into our store and starts the sandbox probe; it is shown apart.
            Console.WriteLine(FormattableString.Invariant($"process start to first answer, s: best {starts.Min():0.00}, median {Median(starts):0.00}, worst {starts.Max():0.00} of {starts.Count}"));
            Console.WriteLine(FormattableString.Invariant($"first approval to agent's output, ms: {latencies[0]:0}"));
            var rest = latencies.Skip(1).Order().ToList();
            Console.WriteLine(FormattableString.Invariant($"approval to agent's output, ms: p50 {Median(rest):0}, p95 {rest[(int)Math.Ceiling(rest.Count * 0.95) - 1]:0}, worst {rest[^1]:0} of {rest.Count}"));
            return 0;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task<double> ApproveAsync(ManagerApiClient api, long id, CancellationToken ct)
    {
        var preview = await api.PreviewApprovalAsync(id, null, ct);
        var approved = s_time.GetUtcNow();
        var detail = await api.ApproveAsync(id, new ApproveRequest(preview.Version, preview.PromptSha256), ct);
        var run = detail.Runs[0].Id;
        while ((await api.GetRunAsync(run, ct)).Run.State != RunState.Ended)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), s_time, ct);
        }

        var events = await api.GetRunEventsAsync(run, 0, 100, ct);
        var first = events.FirstOrDefault(e => e.Kind == "output") ?? throw new InvalidOperationException($"Run {run} had no output: {events[^1].Text}");
        if (s_trace)
        {
            var queued = (await api.GetRunAsync(run, ct)).Run;
            Console.WriteLine(FormattableString.Invariant($"queued {(queued.CreatedAt - approved).TotalMilliseconds:0}, claimed {(queued.StartedAt!.Value - approved).TotalMilliseconds:0}, {string.Join(", ", events.TakeWhile(e => e != first).Append(first).Select(e => $"{e.Kind} '{e.Text[..Math.Min(20, e.Text.Length)]}' {(e.At - approved).TotalMilliseconds:0}"))}"));
        }

        return (first.At - approved).TotalMilliseconds;
    }

    private static (string Path, string Content)[] Files(int count, int todos)
        => [.. Enumerable.Range(0, count).Select(i => ($"src/part{i % 40}/file{i}.c", (i < todos ? $"/* TODO: improve part number {i} of this */\n" : "") + string.Concat(Enumerable.Range(0, 60).Select(l => $"int value_{i}_{l} = {l};\n"))))];

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private sealed class ServerProcess(Process process, ManagerApiClient api, HttpClient http, double seconds) : IAsyncDisposable
    {
        public ManagerApiClient Api => api;

        public double Seconds => seconds;

        public static async Task<ServerProcess> StartAsync(string exe, string root, string config, CancellationToken ct)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            listener.Stop();
            var started = Stopwatch.GetTimestamp();
            var start = new ProcessStartInfo(exe, ["start", "--port", port.ToString(CultureInfo.InvariantCulture), "--data", Path.Combine(root, "data"), "--config", config])
            {
                WorkingDirectory = root,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            var process = Process.Start(start)!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
#pragma warning disable RS0030 // One client for the length of one measurement.
            var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
#pragma warning restore RS0030
            while (true)
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri("/", UriKind.Relative), ct);
                    if (answer.IsSuccessStatusCode)
                    {
                        break;
                    }
                }
                catch (HttpRequestException) when (!process.HasExited)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(10), s_time, ct);
                }
            }

            return new ServerProcess(process, new ManagerApiClient(http), http, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        public async ValueTask DisposeAsync()
        {
            http.Dispose();
            using (var stop = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]))
            {
                await stop.WaitForExitAsync();
            }

            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
