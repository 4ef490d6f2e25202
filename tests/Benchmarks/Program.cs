using ClaudeManager.Benchmarks.Latency;
using ClaudeManager.Benchmarks.Scanning;

return args switch
{
    ["engine", ..] => EngineBenchmark.Run(args.AsSpan(1)),
    ["scan", ..] => await ScanBenchmark.RunAsync(args[1..], CancellationToken.None),
    ["latency", ..] => await LatencyBenchmark.RunAsync(args[1..], CancellationToken.None),
    _ => 2,
};
