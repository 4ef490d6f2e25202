using ClaudeManager.Core.Agents.ClaudeFlow;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Tests.Agents.ClaudeFlow;

/// <summary>What claude-flow 3.43.0 really printed, replayed by a program in its place: <c>Recorded/</c> holds its output, word for word but for paths.</summary>
public sealed class RecordedClaudeFlowTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_ChildWorked_CompletesWithItsEventsAndUsage()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, "worked");

        Assert.Equal((RunEndReason.Completed, "The prompt names no file and no marker, so I changed nothing."), (outcome.Reason, outcome.Detail));
        Assert.Equal(["init", "message", "result"], ground.Events.Select(e => e.Kind).Where(k => k != "output"));
        Assert.Contains("[INFO] Launching Claude Code...", ground.Texts("output"));
        Assert.Equal("3.43.0", ground.Version);
        Assert.Equal(1_000, ground.Usage!.InputTokens);
    }

    [Fact]
    public async Task RunAsync_SaysSuccessButNobodyWorked_Fails()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, "silent");

        Assert.Contains("[OK] Claude Code completed successfully", ground.Texts("output"));
        Assert.Equal((RunEndReason.Failed, FailureClass.Agent), (outcome.Reason, outcome.Failure));
        Assert.Contains("without any sign that an agent worked", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_EndsWithAnError_FailsWithItsWords()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, "uninitialised", exitCode: 1);

        Assert.Equal(RunEndReason.Failed, outcome.Reason);
        Assert.Contains("Hive-mind not initialized", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_AnotherVersion_IsRefusedBeforeItBegins()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, "worked", version: "3.44.1");

        Assert.Equal((RunEndReason.ConfigurationError, FailureClass.Configuration), (outcome.Reason, outcome.Failure));
        Assert.Contains("claude-flow 3.44.1 is installed, but 3.43.0", outcome.Detail, StringComparison.Ordinal);
        Assert.Empty(ground.Events);
    }

    [Fact]
    public async Task RunAsync_HostileTask_IsOneArgumentAndLitterIsGone()
    {
        await using var ground = await AgentGround.StartAsync();
        const string task = "--help; $(touch pwned) `touch pwned` 'x' \"y\"\nsecond line";

        await RunAsync(ground, "worked", task: task);

        Assert.Equal($"hive-mind\nspawn\n--claude\n--non-interactive\n--no-auto-permissions\n--objective={task}\n", await File.ReadAllTextAsync(Path.Combine(ground.Home, "arguments"), Ct));
        Assert.False(ground.Exists("pwned"));
        Assert.False(Path.Exists(Path.Combine(ground.Workspace, ".claude-flow")));
    }

    [Fact]
    public async Task RunAsync_ChildIsStarted_UnderTheApprovedPolicyWithoutTheRepositorysServers()
    {
        await using var ground = await AgentGround.StartAsync();
        var claude = ground.Script("claude", """for a; do echo "$a"; done > "$HOME/claude-arguments" """);

        await RunAsync(ground, "worked", claude: claude, spawn: "claude --mcp-config=/workspace/.mcp.json -p 'the task'");

        var arguments = await File.ReadAllLinesAsync(Path.Combine(ground.Home, "claude-arguments"), Ct);
        Assert.DoesNotContain(arguments, a => a.StartsWith("--mcp-config", StringComparison.Ordinal));
        Assert.Equal(["-p", "the task"], arguments[^2..]);
        Assert.Contains("--strict-mcp-config", arguments);
        Assert.Contains("""{"disableAllHooks":true}""", arguments);
        Assert.Contains("Bash(git diff *)", arguments);
        Assert.Contains("dontAsk", arguments);
    }

    [Fact]
    public async Task RunAsync_RepositoryHasItsFolders_IsRefused()
    {
        await using var ground = await AgentGround.StartAsync();
        ground.Write(".hive-mind/notes.md", "mine");

        var outcome = await RunAsync(ground, "worked");

        Assert.Equal(RunEndReason.ConfigurationError, outcome.Reason);
        Assert.Equal("mine", ground.Read(".hive-mind/notes.md"));
    }

    private static async Task<Core.Agents.AgentOutcome> RunAsync(
        AgentGround ground, string recorded, int exitCode = 0, string version = "3.43.0", string task = "Do it.", string? claude = null, string spawn = ":")
    {
        var output = Path.Combine(AppContext.BaseDirectory, "Agents", "ClaudeFlow", "Recorded", recorded + "-3.43.0.txt");
        var flow = ground.Script("claude-flow", $"""
            case "$1 $2" in
              "--version "*) echo "ruflo v{version}" ;;
              "hive-mind init") mkdir -p .claude-flow/hive-mind .hive-mind ;;
              *) printf '%s\n' "$@" > "$HOME/arguments"; {spawn}; cat '{output}'; exit {exitCode} ;;
            esac
            """);
        claude ??= ground.Script("claude", "exit 0");
        var runner = new ClaudeFlowRunner(ground.Processes, AgentGround.Host, ground.Gateway, ground.Credentials, TimeProvider.System);
        return await runner.RunAsync(ClaudeFlowRunner.Name, ground.Request(task, e => e with { ClaudeFlow = e.ClaudeFlow with { Path = flow }, ClaudeCode = e.ClaudeCode with { Path = claude } }), ground, Ct);
    }
}
