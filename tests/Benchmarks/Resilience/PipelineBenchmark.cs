using System.Diagnostics;
using System.Globalization;
using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Benchmarks.Resilience;

/// <summary>What the whole <c>github</c> pipeline adds to a call that succeeds at once; the standard handler beside it. Rounds alternate.</summary>
internal static class PipelineBenchmark
{
    private const int Rounds = 7;
    private const int Calls = 200_000;
    private static readonly Uri s_address = new("https://api.github.com/repos/acme/app/issues");

    public static async Task<int> RunAsync(CancellationToken ct)
    {
        var time = TimeProvider.System;
        var configuration = new CurrentConfiguration(ManagerConfiguration.Default);
        var breakers = new CircuitBreakers(configuration, time, NullLogger<CircuitBreakers>.Instance);
        var pipelines = new UpstreamPipelines(configuration, breakers, time, Random.Shared, NullLogger<UpstreamPipelines>.Instance);
        using var bare = new HttpMessageInvoker(new Stub());
        using var ours = new HttpMessageInvoker(new RepeatHandler(pipelines, time) { InnerHandler = new AttemptHandler(pipelines) { InnerHandler = new Stub() } });
        var services = new ServiceCollection();
        services.AddHttpClient("standard").ConfigurePrimaryHttpMessageHandler(() => new Stub()).AddStandardResilienceHandler();
        await using var provider = services.BuildServiceProvider();
        using var standard = new HttpMessageInvoker(provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler("standard"), disposeHandler: false);

        (string Name, HttpMessageInvoker Chain, List<double> Nanoseconds, List<double> Bytes)[] sides = [("bare", bare, [], []), ("ours", ours, [], []), ("standard", standard, [], [])];
        for (var round = 0; round <= Rounds; round++)
        {
            foreach (var side in sides)
            {
                var (nanoseconds, bytes) = await MeasureAsync(side.Chain, ct);
                if (round > 0)
                {
                    side.Nanoseconds.Add(nanoseconds);
                    side.Bytes.Add(bytes);
                }
            }
        }

        foreach (var side in sides)
        {
            Print($"{side.Name}: {Median(side.Nanoseconds):0} ns ({side.Nanoseconds.Min():0} to {side.Nanoseconds.Max():0}), {Median(side.Bytes):0} B a call");
        }

        Print($"the whole github pipeline adds {Median(sides[1].Nanoseconds) - Median(sides[0].Nanoseconds):0} ns and {Median(sides[1].Bytes) - Median(sides[0].Bytes):0} B; the standard handler {Median(sides[2].Nanoseconds) - Median(sides[0].Nanoseconds):0} ns and {Median(sides[2].Bytes) - Median(sides[0].Bytes):0} B");
        return 0;
    }

    private static async Task<(double Nanoseconds, double Bytes)> MeasureAsync(HttpMessageInvoker chain, CancellationToken ct)
    {
        var deadline = new GitHubCall(TimeProvider.System.GetUtcNow().AddHours(1), IsQuery: false, GitHubLane.Interactive);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < Calls; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, s_address);
            request.Headers.TryAddWithoutValidation("Accept", "application/vnd.github+json");
            request.Headers.TryAddWithoutValidation("X-GitHub-Api-Version", "2022-11-28");
            deadline.Attach(request);
            using var response = await chain.SendAsync(request, ct);
        }

        return (Stopwatch.GetElapsedTime(started).TotalNanoseconds / Calls, (double)(GC.GetTotalAllocatedBytes(precise: true) - allocated) / Calls);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private sealed class Stub : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK));
    }
}
