using System.Globalization;
using System.Runtime.InteropServices;
using ClaudeManager.Chaos;
using ClaudeManager.Core.Persistence;

// Kills, pauses and cuts off the service's processes, its database, its Redis and its GitHub while it works, and then counts what is lost, twice or left:
//   ClaudeManager.Chaos [--seed 1] [--rounds 10] [--repositories 10] [--items 5] [--faults 100] [--every 2.5] [--settle 300] [--only ROUND] [--again true]
// --items are per repository, --faults per round, --every and --settle are seconds. A round that has passed on this build is not run again; --only replays one.
var options = new Dictionary<string, string> { ["--seed"] = "1", ["--rounds"] = "10", ["--repositories"] = "10", ["--items"] = "5", ["--faults"] = "100", ["--every"] = "2.5", ["--settle"] = "300", ["--only"] = "", ["--again"] = "false" };
if (args.Length % 2 != 0 || args.Chunk(2).Any(pair => !options.ContainsKey(pair[0])))
{
    await Console.Error.WriteLineAsync($"Options: {string.Join(", ", options.Select(o => $"{o.Key} (default '{o.Value}')"))}");
    return 2;
}

foreach (var pair in args.Chunk(2))
{
    options[pair[0]] = pair[1];
}

using var stop = new CancellationTokenSource();
// What it has started is its own to stop.
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
var build = typeof(Store).Module.ModuleVersionId.ToString("N")[..12];
var folder = $"{build}-seed{options["--seed"]}-{options["--repositories"]}x{options["--items"]}-{options["--faults"]}";
var settings = new ChaosSettings(
    ulong.Parse(options["--seed"], CultureInfo.InvariantCulture), Number("--repositories"), Number("--items"), Number("--faults"), TimeSpan.FromSeconds(double.Parse(options["--every"], CultureInfo.InvariantCulture)), TimeSpan.FromSeconds(Number("--settle")),
    Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "chaos", folder)));
Console.WriteLine($"Logs and results: {settings.Directory}");
var rounds = options["--only"] is { Length: > 0 } only ? [int.Parse(only, CultureInfo.InvariantCulture)] : Enumerable.Range(1, Number("--rounds"));
try
{
    var results = await ChaosRun.RunAsync(settings, rounds, options["--again"] == "true" || options["--only"].Length > 0, Console.Out, stop.Token);
    return results.All(r => r.IsGood) ? 0 : 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

int Number(string name) => int.Parse(options[name], CultureInfo.InvariantCulture);
