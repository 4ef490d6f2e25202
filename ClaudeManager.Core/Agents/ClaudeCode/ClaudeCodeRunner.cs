using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents.ClaudeCode;

/// <summary>
/// The real <c>claude</c> CLI, headless. It gets a key of the gateway instead of the model's, a HOME and configuration folder of its own, exactly the tools of the approval, and nothing of the
/// repository's own agent settings: hooks, MCP servers and settings found there would be run without asking.
/// </summary>
public sealed partial class ClaudeCodeRunner(ContainedProcess processes, HostEnvironment host, ModelGateway gateway, ModelCredentials credentials, TimeProvider time) : IAgentRunner
{
    /// <summary>The first version that enforces <c>--max-budget-usd</c> over everything a run does.</summary>
    public static readonly Version MinimumVersion = new(2, 1, 217);

    private const bool Network = true;

    private const string Continue =
        "You were interrupted. Go on with the task where you stopped, under the same rules. First look at what the working tree holds now: your last edits may be missing from it.";

    private static readonly TimeSpan s_probeTimeout = TimeSpan.FromSeconds(20);

    /// <summary>A folder of sessions is named after the working directory, cut where a name gets too long.</summary>
    private const int LongestProjectName = 200;

    /// <summary>When a refusal names no time.</summary>
    private static readonly TimeSpan s_defaultPark = TimeSpan.FromMinutes(15);

    public string Key => "claude-code";

    /// <summary>The other arguments are the service's own, or in the approval already (tools, budget).</summary>
    public AgentProgram? Describe(string name, ExecutorConfiguration executor)
    {
        var settings = executor.ClaudeCode;
        string[] model = settings.Model is null ? [] : ["--model", settings.Model];
        return name == Key ? new AgentProgram([settings.Path, "--permission-mode", settings.PermissionMode, .. model], settings.Environment, Network, TakesTools: true) : null;
    }

    public async Task<AgentAvailability> ProbeAsync(string name, ManagerConfiguration configuration, CancellationToken ct)
    {
        var program = configuration.Executor.ClaudeCode.Path;
        string path;
        try
        {
            path = host.Resolve(program, System.Environment.CurrentDirectory);
        }
        catch (ProgramNotStartedException e)
        {
            return new AgentAvailability(null, null, $"Claude Code is not here: {e.Message}. Install it (npm install -g @anthropic-ai/claude-code), or set executor.claudeCode.path.");
        }

        var said = await AskVersionAsync(path, ct);
        if (said is null || !Version.TryParse(VersionNumber().Match(said).Value, out var version))
        {
            return new AgentAvailability(path, null, $"'{path} --version' gave no version{(string.IsNullOrWhiteSpace(said) ? "" : $" but '{said}'")}: is it Claude Code? Set executor.claudeCode.path.");
        }

        var problem = version < MinimumVersion ? $"Claude Code {version} is too old: {MinimumVersion} or newer is needed (npm install -g @anthropic-ai/claude-code)." : credentials.Problem;
        return new AgentAvailability(path, version.ToString(), problem);
    }

    public async Task<AgentOutcome> RunAsync(string name, AgentRequest request, IAgentSink sink, CancellationToken ct)
    {
        if (credentials.Problem is { } problem)
        {
            return Misconfigured(problem);
        }

        if (UsedUp(request) is { } nothingLeft)
        {
            return nothingLeft;
        }

        using var key = gateway.Issue(request.Run);
        try
        {
            var (ended, stream, complaints) = await AttemptAsync(request, key, sink, ct);

            // The session is a file of the CLI's in the run's home, written when it pleases: what we remember of it may be ahead of it, or behind.
            var (lost, taken) = (request.Resume && complaints.Contains("No conversation found", StringComparison.Ordinal), !request.Resume && complaints.Contains("already in use", StringComparison.Ordinal));
            if (lost || taken)
            {
                await sink.AppendAsync(lost
                    ? AgentEvent.Fallback(Fallback.SessionLost, "The session is gone: the agent starts over on the work saved so far.")
                    : new AgentEvent("notice", "The session exists already: the agent resumes it."), ct);
                (ended, stream, complaints) = await AttemptAsync(request with { Resume = !request.Resume }, key, sink, ct);
            }

            return OutcomeOf(ended, stream, complaints, key, request, time.GetUtcNow());
        }
        catch (ProgramNotStartedException e)
        {
            return Misconfigured($"Claude Code is not here: {e.Message}.");
        }
    }

    /// <summary>The CLI finds a session in whichever project's folder it is.</summary>
    public string? SessionFile(string home, string workspace, Guid sessionId)
    {
        var projects = Path.Combine(ConfigurationFolder(home), "projects");
        var name = sessionId + ".jsonl";
        var found = Directory.Exists(projects) ? Directory.EnumerateDirectories(projects).Select(project => Path.Combine(project, name)).FirstOrDefault(File.Exists) : null;
        var project = string.Concat(workspace.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        return found ?? Path.Combine(projects, project.Length <= LongestProjectName ? project : project[..LongestProjectName], name);
    }

    private static string ConfigurationFolder(string home) => Path.Combine(home, ".claude");

    private async Task<(ContainedResult Ended, ClaudeStream Stream, string Complaints)> AttemptAsync(AgentRequest request, ModelKey key, IAgentSink sink, CancellationToken ct)
    {
        var stream = new ClaudeStream(request.Workspace);
        var complaints = new StringBuilder();
        var begun = false;
        var usage = stream.Usage;
        var ended = await processes.RunAsync(Command(request, key), sink, OnLineAsync, request.Executor.Stall, ct);
        if (stream.Result is { IsError: true } result)
        {
            complaints.Append(result.Text);
        }

        return (ended, stream, complaints.ToString());

        async ValueTask<LineVerdict> OnLineAsync(string line, bool isError)
        {
            if (isError)
            {
                if (complaints.Length < 4_000)
                {
                    complaints.AppendLine(line.Length <= 1_000 ? line : line[..1_000]);
                }

                await sink.AppendAsync(new AgentEvent("output", line), ct);
                return LineVerdict.Continue;
            }

            foreach (var agentEvent in stream.Read(line))
            {
                await sink.AppendAsync(agentEvent, ct);
            }

            if (!begun && stream.Version is { } version)
            {
                begun = true;
                await sink.SessionStartedAsync(version, ct);
            }

            if (stream.Usage != usage)
            {
                usage = stream.Usage;
                await sink.UsageAsync(usage, ct);
            }

            // The stream may go on after the result (background work of the CLI), but the work is done.
            return stream.Result is null ? LineVerdict.Continue : LineVerdict.Finish;
        }
    }

    private ContainedCommand Command(AgentRequest request, ModelKey key)
    {
        List<string> command =
        [
            host.Resolve(request.Executor.ClaudeCode.Path, System.Environment.CurrentDirectory), "-p",
            "--output-format", "stream-json", "--verbose", "--include-partial-messages",
            request.Resume ? "--resume" : "--session-id", request.SessionId.ToString(),
            .. Policy(request),
        ];
        return new ContainedCommand(
            request.Run, "agent", command, request.Workspace, request.Home, Environment(request, gateway, key), request.Sandbox, Network, request.Executor.Timeout,
            Encoding.UTF8.GetBytes(request.Resume ? Continue : request.Prompt));
    }

    /// <summary>What was approved and configured, as options; nothing of the repository's own settings.</summary>
    /// <param name="withPermissions">False when whoever starts it skips them.</param>
    internal static IReadOnlyList<string> Policy(AgentRequest request, bool withPermissions = true)
    {
        var settings = request.Executor.ClaudeCode;

        // Rules such as "Bash(git diff *)" name a tool and what it may do; --tools takes the tools alone and removes every other one.
        string[] tools = [.. request.Tools.Select(rule => rule.Split('(')[0]).Distinct(StringComparer.Ordinal)];
        string[] allowed = request.Tools.Count > 0 ? ["--allowedTools", .. request.Tools] : [];
        string[] permissions = withPermissions ? ["--permission-mode", settings.PermissionMode] : [];
        string[] model = settings.Model is { } chosen ? ["--model", chosen] : [];

        // Last comes an option of one value: after one that takes several, what a caller adds would be taken for one of those.
        return
        [
            .. allowed,
            "--max-turns", TurnsLeft(request).ToString(CultureInfo.InvariantCulture),
            "--max-budget-usd", BudgetLeft(request).ToString("0.######", CultureInfo.InvariantCulture),
            .. permissions,
            .. model,
            "--setting-sources", "user", "--strict-mcp-config", "--disable-slash-commands",
            "--tools", string.Join(',', tools),
            "--settings", """{"disableAllHooks":true}""",
        ];
    }

    /// <summary>Where the model is and as whom, with a configuration folder of the run's own.</summary>
    internal static Dictionary<string, string> Environment(AgentRequest request, ModelGateway gateway, ModelKey key)
    {
        // Whatever proxy the company has, the gateway is here.
        var direct = string.Join(',', ((string[])["127.0.0.1", "localhost", request.Network.NoProxy ?? ""]).Where(host => host.Length > 0));
        return new Dictionary<string, string>(request.Executor.ClaudeCode.Environment)
        {
            ["ANTHROPIC_BASE_URL"] = gateway.Address.ToString().TrimEnd('/'),
            ["ANTHROPIC_AUTH_TOKEN"] = key.Secret.Reveal(),
            ["CLAUDE_CONFIG_DIR"] = Directory.CreateDirectory(ConfigurationFolder(request.Home)).FullName,
            ["DISABLE_AUTOUPDATER"] = "1",
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
            ["NO_PROXY"] = direct,
            ["no_proxy"] = direct,
        };
    }

    internal static AgentOutcome OutcomeOf(ContainedResult ended, ClaudeStream stream, string complaints, ModelKey key, AgentRequest request, DateTimeOffset now)
    {
        if (stream.Result is { IsError: false } success)
        {
            return new AgentOutcome(RunEndReason.Completed, null, success.Text);
        }

        // Asked to stop, the CLI reports an error of its own; what stopped it is the reason.
        switch (ended.End)
        {
            case ContainedEnd.TimedOut:
                return new AgentOutcome(RunEndReason.TimedOut, FailureClass.Agent, $"The agent was stopped after {Text(request.Executor.Timeout)} (executor.timeoutSeconds).");
            case ContainedEnd.Stalled:
                return new AgentOutcome(RunEndReason.Stalled, FailureClass.Agent, $"The agent was stopped after {Text(request.Executor.Stall)} without a sign of life (executor.stallSeconds).");
            default:
                break;
        }

        if (stream.Result is { } result)
        {
            return result.FromApi || result.ApiStatus is not null ? ApiOutcome(result, stream, key, now) : result.Subtype switch
            {
                "error_max_budget_usd" => new AgentOutcome(RunEndReason.BudgetExhausted, FailureClass.Budget, string.Create(CultureInfo.InvariantCulture, $"The agent used up its budget of ${request.BudgetUsd:0.00}.")),
                "error_max_turns" => OutOfTurns(request),
                _ => new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, result.Text.Length > 0 ? result.Text : $"The agent reported an error ({result.Subtype}) without saying which."),
            };
        }

        return ended.ExitCode switch
        {
            137 => new AgentOutcome(RunEndReason.Failed, FailureClass.Infrastructure, "The agent was killed (SIGKILL), most likely for want of memory."),

            // Wrong flags, settings or session ids are told on standard error before a session begins.
            not 0 when stream.Version is null && complaints.Length > 0 => Misconfigured($"Claude Code did not begin (exit code {ended.ExitCode}): {complaints.Trim()}"),
            0 => new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, "The agent ended without a result."),
            var code => new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, $"The agent ended without a result, exit code {code}{(complaints.Length > 0 ? ": " + complaints.Trim() : ".")}"),
        };
    }

    private static AgentOutcome ApiOutcome(ClaudeResult result, ClaudeStream stream, ModelKey key, DateTimeOffset now) => (result.ApiStatus, stream.ApiErrorType) switch
    {
        (429, "billing_error") => new AgentOutcome(RunEndReason.BudgetExhausted, FailureClass.Budget, result.Text),
        // What the account may use in this time is used up: a budget, though not one of ours.
        (429, _) => new AgentOutcome(RunEndReason.Parked, FailureClass.Budget, $"The usage limit of the model API is reached: {result.Text}", key.LimitResetsAt ?? now + s_defaultPark),
        (401 or 403, _) or (_, "authentication_failed") =>
            Misconfigured($"The model API refused the key{(result.ApiStatus is { } status ? $" ({status})" : "")}: check ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and ANTHROPIC_BASE_URL of the server."),
        (402, _) or (_, "billing_error") => Misconfigured($"The account of the model API cannot pay: {result.Text}"),
        ( >= 500 or 408 or null, _) => new AgentOutcome(RunEndReason.Failed, FailureClass.Transient, result.Text),
        _ => new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, result.Text),
    };

    /// <summary>How the run ends when earlier attempts have left nothing to work with.</summary>
    internal static AgentOutcome? UsedUp(AgentRequest request)
        => BudgetLeft(request) <= 0
            ? new AgentOutcome(RunEndReason.BudgetExhausted, FailureClass.Budget, string.Create(CultureInfo.InvariantCulture, $"Nothing is left of the approved budget of ${request.BudgetUsd:0.00}."))
            : TurnsLeft(request) <= 0 ? OutOfTurns(request) : null;

    private static decimal BudgetLeft(AgentRequest request) => request.BudgetUsd - (request.Spent.CostUsd ?? 0);

    private static int TurnsLeft(AgentRequest request) => request.Executor.MaxTurns - (request.Spent.Turns ?? 0);

    private static AgentOutcome OutOfTurns(AgentRequest request)
        => new(RunEndReason.Failed, FailureClass.Agent, $"The agent was not done after {request.Executor.MaxTurns} turns (executor.maxTurns).");

    private static AgentOutcome Misconfigured(string detail) => new(RunEndReason.ConfigurationError, FailureClass.Configuration, detail);

    private static string Text(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    /// <summary>The first line of <c>--version</c>; null when there is none in time.</summary>
    private async Task<string?> AskVersionAsync(string path, CancellationToken ct)
    {
        var start = new ProcessStartInfo(path, ["--version"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Clear();
        foreach (var (variable, value) in host.Variables())
        {
            start.Environment[variable] = value;
        }

        start.Environment["DISABLE_AUTOUPDATER"] = "1";
        using var timeout = new CancellationTokenSource(s_probeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            using var process = await ProcessStarter.StartAsync(start);
            process.StandardInput.Close();
            try
            {
                var error = process.StandardError.ReadToEndAsync(either.Token);
                var said = await process.StandardOutput.ReadLineAsync(either.Token);
                await process.WaitForExitAsync(either.Token);
                return said ?? await error;
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return e.Message;
        }
    }

    [GeneratedRegex(@"^[0-9]+\.[0-9]+\.[0-9]+")]
    private static partial Regex VersionNumber();
}
