using ClaudeManager.Benchmarks.Scanning;

return args switch
{
    ["engine", ..] => EngineBenchmark.Run(args.AsSpan(1)),
    _ => 2,
};
