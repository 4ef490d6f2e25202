using ClaudeManager.Benchmarks.Latency;
using ClaudeManager.Benchmarks.Outages;
using ClaudeManager.Benchmarks.Queue;
using ClaudeManager.Benchmarks.RateLimiting;
using ClaudeManager.Benchmarks.Resilience;
using ClaudeManager.Benchmarks.Scanning;

return args switch
{
    ["engine", ..] => EngineBenchmark.Run(args.AsSpan(1)),
    ["scan", ..] => await ScanBenchmark.RunAsync(args[1..], CancellationToken.None),
    ["latency", ..] => await LatencyBenchmark.RunAsync(args[1..], CancellationToken.None),
    ["limiter"] => await LimiterBenchmark.RunAsync(CancellationToken.None),
    ["pipeline"] => await PipelineBenchmark.RunAsync(CancellationToken.None),
    ["outages", ..] => await OutageBenchmark.RunAsync(args[1..], CancellationToken.None),
    ["queue"] => await QueueBenchmark.RunAsync(CancellationToken.None),
    _ => 2,
};
