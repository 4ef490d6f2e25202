using System.Globalization;
using ClaudeManager.Tests.Shared.GitHub;

// A stand-in of GitHub on loopback, for demonstrations and for trying the product without an account:
//   github-api [--port 5298] [--repository acme/app] [--import /path/of/a/git/repository] [--manager acme/manager]
// `bot` may write in both repositories, `ana` is an administrator of both. Type commands as ana (the list is printed): label, unlabel, comment, close, reopen, edit, merge.
var options = new Dictionary<string, string> { ["--port"] = "0", ["--repository"] = "acme/app", ["--import"] = "", ["--manager"] = "acme/manager" };
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
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
await using var github = await LoopbackGitHub.StartAsync(stop.Token, port: int.Parse(options["--port"], CultureInfo.InvariantCulture));
foreach (var name in new[] { options["--repository"], options["--manager"] }.Distinct())
{
    github.Repository(name).Collaborator("bot", GitHubRole.Write).Collaborator("ana", GitHubRole.Admin);
}

var repository = github.Repository(options["--repository"]);
if (options["--import"] is { Length: > 0 } path)
{
    await repository.ImportAsync(Path.GetFullPath(path), stop.Token);
}
else
{
    await repository.CommitAsync(
        "First",
        [("README.md", "# Example\n"), ("src/Greeter.cs", "namespace Example;\n\npublic static class Greeter\n{\n    // TODO: greet by name\n    public static string Greet() => \"Hello\";\n}\n")],
        stop.Token);
}

Console.WriteLine($"API (as api.github.com)  {github.BaseAddress}");
Console.WriteLine($"API (as an Enterprise)   {github.EnterpriseAddress}");
Console.WriteLine($"git                      {github.CloneUrl(repository.FullName)}");
Console.WriteLine($"GITHUB_TOKEN of bot      {github.Token("bot")}");
Console.WriteLine("Commands: list | requests | label OWNER/NAME#N LABEL | unlabel … LABEL | comment … TEXT | edit … TITLE | close … [not_planned] | reopen … | merge … | check … success|failure");
try
{
    while (await Console.In.ReadLineAsync(stop.Token) is { } line)
    {
        try
        {
            await ActAsync(line.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException)
        {
            Console.WriteLine(e.Message);
        }
    }
}
catch (OperationCanceledException)
{
    return 0;
}

return 0;

async Task ActAsync(string[] words)
{
    switch (words)
    {
        case []:
            return;
        case ["list"]:
            foreach (var name in new[] { options["--repository"], options["--manager"] }.Distinct())
            {
                foreach (var issue in github.Repository(name).Issues)
                {
                    Console.WriteLine($"{name}#{issue.Number} {(issue.Pull is null ? "issue" : "pull request")} {(issue.IsOpen ? "open" : "closed")} '{issue.Title}' [{string.Join(", ", issue.Labels.Select(l => l.Name))}]");
                }
            }

            return;
        case ["requests"]:
            foreach (var request in github.Ledger.Requests)
            {
                Console.WriteLine($"{request.At:HH:mm:ss} {request.Status} {request.Method} {request.Path}{request.Query} ({request.Resource} {request.Charged}, {request.Credential})");
            }

            return;
        case [var verb, var target, .. var rest]:
            var found = target.Split('#') is [var fullName, var number] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? github.Repository(fullName).IssueNumbered(n) : null;
            if (found is null)
            {
                throw new FormatException($"No '{target}'.");
            }

            var text = rest is [var one] ? one : "";
            switch (verb)
            {
                case "label":
                    found.Label("ana", text);
                    return;
                case "unlabel":
                    found.Unlabel("ana", text);
                    return;
                case "comment":
                    found.Comment("ana", text);
                    return;
                case "edit":
                    found.Edit("ana", text);
                    return;
                case "close":
                    found.Close("ana", text is "" ? "completed" : text);
                    return;
                case "reopen":
                    found.Reopen("ana");
                    return;
                case "merge" when found.Pull is { } pull:
                    Console.WriteLine(await pull.MergeAsync("ana", stop.Token));
                    return;
                case "check" when found.Pull is { } pull:
                    found.Repository.Check(pull.HeadSha, "build", text);
                    return;
                default:
                    break;
            }

            break;
        default:
            break;
    }

    throw new FormatException($"Unknown: {string.Join(' ', words)}");
}
