using System.Globalization;
using ClaudeManager.Tests.Shared.Models;

// A stand-in of the Anthropic Messages API on loopback, for demonstrations and end-to-end tests without a key:
//   messages-api [--port 5299] [--scenario resolve-todo|overloaded|usage-limit|unauthorized|never-ending|cut-off] [--pace-ms 15]
// Point ANTHROPIC_BASE_URL at the printed address; any ANTHROPIC_API_KEY will do.
var options = new Dictionary<string, string> { ["--port"] = "0", ["--scenario"] = "resolve-todo", ["--pace-ms"] = "0" };
if (args.Length % 2 != 0 || args.Chunk(2).Any(pair => !options.ContainsKey(pair[0])))
{
    await Console.Error.WriteLineAsync($"Options: {string.Join(", ", options.Select(o => $"{o.Key} (default {o.Value})"))}");
    return 2;
}

foreach (var pair in args.Chunk(2))
{
    options[pair[0]] = pair[1];
}

ModelScenario? scenario = options["--scenario"] switch
{
    "resolve-todo" => ModelScenarios.ResolveTodo,
    "overloaded" => _ => ModelTurn.Overloaded(),
    "usage-limit" => _ => ModelTurn.UsageLimit(TimeProvider.System.GetUtcNow().AddHours(1)),
    "unauthorized" => _ => ModelTurn.Unauthorized(),
    "never-ending" => _ => new ModelTurn.NeverEnding("Let me think"),
    "cut-off" => _ => new ModelTurn.CutOff("I was about to"),
    _ => null,
};
if (scenario is null)
{
    await Console.Error.WriteLineAsync($"Unknown scenario '{options["--scenario"]}'.");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
await using var api = await MessagesApi.StartAsync(
    scenario,
    int.Parse(options["--port"], CultureInfo.InvariantCulture),
    TimeSpan.FromMilliseconds(int.Parse(options["--pace-ms"], CultureInfo.InvariantCulture)),
    stop.Token);
Console.WriteLine($"ANTHROPIC_BASE_URL={api.BaseAddress.ToString().TrimEnd('/')}");
try
{
    while (true)
    {
        var request = await api.NextRequestAsync(stop.Token);
        Console.WriteLine($"{request.Model}: step {request.Results.Count} of '{request.Prompt.AsSpan(0, Math.Min(60, request.Prompt.Length)).ToString().ReplaceLineEndings(" ")}'");
    }
}
catch (OperationCanceledException)
{
    return 0;
}
