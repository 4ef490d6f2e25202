using ClaudeManager.Tests.Shared.RateLimiting;

// One of several processes on one Redis, for the tests of the limiter: rate-limits ADDRESS PREFIX ATTEMPTS AT-ONCE (KEY PERMITS PER-MS BURST)…
// Says that it is ready, waits for a line, asks, and prints when each admission was asked for and answered.
await LimiterProcess.RunAsync(args, Console.In, Console.Out, CancellationToken.None);
