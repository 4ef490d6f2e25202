using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Tests.Shared.RateLimiting;

/// <summary>The program <c>rate-limits</c>: one more process on the same Redis. It is connected when this returns, and asks when told to.</summary>
public sealed class LimiterProcess : IDisposable
{
    public const string Ready = "ready";

    private readonly Process _process;

    private LimiterProcess(Process process) => _process = process;

    public static async Task<LimiterProcess> StartAsync(string redis, string prefix, int attempts, int atOnce, IEnumerable<RateScope> scopes, CancellationToken ct)
    {
        var process = Process.Start(new ProcessStartInfo(
            Path.Combine(Path.GetDirectoryName(ProgramProcess.Built("ClaudeManager.RateLimits.Host"))!, "rate-limits"),
            [redis, prefix, Text(attempts), Text(atOnce), .. scopes.SelectMany(s => new[] { s.Key, Text(s.Limit.Permits), Text((int)s.Limit.Per.TotalMilliseconds), Text(s.Limit.Burst) })])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        return await process.StandardOutput.ReadLineAsync(ct) == Ready ? new LimiterProcess(process) : throw new InvalidOperationException("rate-limits did not start.");
    }

    /// <summary>The other side: what the program does.</summary>
    public static async Task RunAsync(string[] args, TextReader input, TextWriter output, CancellationToken ct)
    {
        RateScope[] scopes = [.. args[4..].Chunk(4).Select(s => new RateScope(s[0], new RateLimit(Number(s[1]), TimeSpan.FromMilliseconds(Number(s[2])), Number(s[3]))))];
        await using var limiter = new RedisRateLimiter(RedisRateLimiter.Options(args[0]), args[1], TimeProvider.System);
        await limiter.AcquireAsync(new RateScope[] { new("warm-up", new RateLimit(1_000, TimeSpan.FromSeconds(1), 1_000)) }, ct);
        await output.WriteLineAsync(Ready);
        await output.FlushAsync(ct);
        await input.ReadLineAsync(ct);
        foreach (var (asked, answered) in await Admissions.CollectAsync(limiter, scopes, Number(args[2]), Number(args[3]), ct))
        {
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{asked} {answered}"));
        }
    }

    public async Task<IReadOnlyList<Admission>> CollectAsync(CancellationToken ct)
    {
        await _process.StandardInput.WriteLineAsync("go");
        await _process.StandardInput.FlushAsync(ct);
        var admitted = new List<Admission>();
        while (await _process.StandardOutput.ReadLineAsync(ct) is { } line)
        {
            var parts = line.Split(' ');
            admitted.Add(new Admission(long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture)));
        }

        await _process.WaitForExitAsync(ct);
        return _process.ExitCode == 0 ? admitted : throw new InvalidOperationException($"rate-limits ended with exit code {_process.ExitCode}.");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
