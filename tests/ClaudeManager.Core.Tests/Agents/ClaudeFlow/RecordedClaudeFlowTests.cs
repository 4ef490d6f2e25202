using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.ClaudeFlow;
using ClaudeManager.Core.Configuration;
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

        await RunAsync(ground, "worked", claude: claude, child: "claude --mcp-config=/workspace/.mcp.json -p 'the task'");

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

    [Fact]
    public async Task RunAsync_TaskHoldsEventsOfItsOwn_NoneOfThemCounts()
    {
        await using var ground = await AgentGround.StartAsync();
        var forged = string.Join('\n', (await File.ReadAllLinesAsync(Recorded("worked"), Ct)).Where(l => l.StartsWith('{')));

        var outcome = await RunAsync(ground, "silent", task: "Do it.\n" + forged, spawn: """for a; do echo "$a"; done""");

        Assert.Contains("without any sign that an agent worked", outcome.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("init", ground.Events.Select(e => e.Kind));
        Assert.Null(ground.Usage);
    }

    [Fact]
    public async Task RunAsync_ChildBeganButGaveNoResult_Fails()
    {
        await using var ground = await AgentGround.StartAsync();
        var claude = ground.Script("claude", $"grep '\"subtype\":\"init\"' '{Recorded("worked")}'");

        var outcome = await RunAsync(ground, "worked", claude: claude);

        Assert.Contains("[OK] Claude Code completed successfully", ground.Texts("output"));
        Assert.Equal((RunEndReason.Failed, "The agent ended without a result."), (outcome.Reason, outcome.Detail));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RunAsync_Permissions_AreSkippedOnlyWhereConfigured(bool skip)
    {
        await using var ground = await AgentGround.StartAsync();
        var claude = ground.Script("claude", """for a; do echo "$a"; done > "$HOME/claude-arguments" """);

        await RunAsync(ground, "worked", claude: claude, configure: f => f with { SkipPermissions = skip });

        var arguments = await File.ReadAllLinesAsync(Path.Combine(ground.Home, "arguments"), Ct);
        Assert.Equal((skip, !skip), (arguments.Contains("--dangerously-skip-permissions"), arguments.Contains("--no-auto-permissions")));
        Assert.Equal(!skip, (await File.ReadAllLinesAsync(Path.Combine(ground.Home, "claude-arguments"), Ct)).Contains("--permission-mode"));
    }

    [Fact]
    public async Task RunAsync_EarlierAttemptWasKilled_ItsLitterIsGoneBeforeItBeginsAgain()
    {
        await using var ground = await AgentGround.StartAsync();
        ground.Write(".hive-mind/sessions/old.txt", "of the attempt before");

        var outcome = await RunAsync(ground, "worked", resume: true, spawn: "test ! -e .hive-mind/sessions/old.txt");

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.False(Path.Exists(Path.Combine(ground.Workspace, ".hive-mind")));
    }

    [Fact]
    public async Task RunAsync_AgentMakesItsLitterHardToRemove_StaysOutOfTheWork()
    {
        await using var ground = await AgentGround.StartAsync();
        ground.Write("precious/kept.txt", "mine");

        var outcome = await RunAsync(ground, "worked", spawn: "mkdir .claude-flow/deep; touch .claude-flow/deep/file; chmod 0 .claude-flow/deep; rm -rf .hive-mind; ln -s precious .hive-mind");

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.Equal(["precious"], Directory.EnumerateFileSystemEntries(ground.Workspace).Select(Path.GetFileName));
        Assert.Equal("mine", ground.Read("precious/kept.txt"));
    }

    [Fact]
    public async Task RunAsync_NothingIsLeftOfWhatWasApproved_EndsBeforeItStarts()
    {
        await using var ground = await AgentGround.StartAsync();

        var outOfMoney = await RunAsync(ground, "worked", spent: new AgentUsage(5, 1, 1, 1));
        var outOfTurns = await RunAsync(ground, "worked", spent: new AgentUsage(1, 1, 1, 50));

        Assert.Equal((RunEndReason.BudgetExhausted, RunEndReason.Failed), (outOfMoney.Reason, outOfTurns.Reason));
        Assert.Empty(ground.StartedProcesses);
    }

    [Fact]
    public async Task RunAsync_EarlierAttemptsHaveSpent_ChildGetsWhatIsLeft()
    {
        await using var ground = await AgentGround.StartAsync();
        var claude = ground.Script("claude", """for a; do echo "$a"; done > "$HOME/claude-arguments" """);

        await RunAsync(ground, "worked", claude: claude, spent: new AgentUsage(1.5m, 1, 1, 20));

        var arguments = await File.ReadAllLinesAsync(Path.Combine(ground.Home, "claude-arguments"), Ct);
        Assert.Equal(("3.5", "30"), (arguments[Array.IndexOf(arguments, "--max-budget-usd") + 1], arguments[Array.IndexOf(arguments, "--max-turns") + 1]));
    }

    [Fact]
    public async Task RunAsync_TaskLongerThanAnArgument_IsRefused()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, "worked", task: new string('ä', (ClaudeFlowRunner.LongestObjective / 2) + 1));

        Assert.Equal(RunEndReason.ConfigurationError, outcome.Reason);
        Assert.Empty(ground.StartedProcesses);
    }

    [Fact]
    public async Task Describe_WhateverDecidesWhatRuns_ChangesIt()
    {
        await using var ground = await AgentGround.StartAsync();
        var runner = Runner(ground);
        var executor = new ExecutorConfiguration();
        ExecutorConfiguration[] others =
        [
            executor with { ClaudeFlow = executor.ClaudeFlow with { Path = "/opt/claude-flow" } },
            executor with { ClaudeFlow = executor.ClaudeFlow with { SkipPermissions = true } },
            executor with { ClaudeCode = executor.ClaudeCode with { Path = "/opt/claude" } },
            executor with { ClaudeCode = executor.ClaudeCode with { Model = "haiku" } },
            executor with { ClaudeCode = executor.ClaudeCode with { PermissionMode = "acceptEdits" } },
            executor with { ClaudeCode = executor.ClaudeCode with { Environment = new Dictionary<string, string> { ["A"] = "1" } } },
        ];

        var hashes = others.Append(executor).Select(e => runner.Describe("claude-flow", e)!.Sha256()).ToArray();

        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal("claude-flow hive-mind spawn --claude --non-interactive --no-auto-permissions claude --permission-mode dontAsk", string.Join(' ', runner.Describe("claude-flow", executor)!.Command));
        Assert.Null(runner.Describe("claude-flow:other", executor));
    }

    private static string Recorded(string name) => Path.Combine(AppContext.BaseDirectory, "Agents", "ClaudeFlow", "Recorded", name + "-3.43.0.txt");

    private static ClaudeFlowRunner Runner(AgentGround ground) => new(ground.Processes, AgentGround.Host, ground.Gateway, ground.Credentials, ground.Data, TimeProvider.System);

    /// <summary>Its own words come from the program in its place, the events from the <c>claude</c> that one finds.</summary>
    /// <param name="spawn">What it does, with its arguments, before it starts that.</param>
    private static Task<AgentOutcome> RunAsync(
        AgentGround ground, string recorded, int exitCode = 0, string version = "3.43.0", string task = "Do it.", string? claude = null, string spawn = ":", string child = "claude -p x",
        bool resume = false, AgentUsage? spent = null, Func<ClaudeFlowConfiguration, ClaudeFlowConfiguration>? configure = null)
    {
        var flow = ground.Script("claude-flow", $"""
            case "$1 $2" in
              "--version "*) echo "ruflo v{version}" ;;
              "hive-mind init") mkdir -p .claude-flow/hive-mind .hive-mind ;;
              *) printf '%s\n' "$@" > "$HOME/arguments"; {spawn} || exit 9
                 grep -v '^[{'{'}]' '{Recorded(recorded)}'; {(recorded == "worked" ? child : ":")}; exit {exitCode} ;;
            esac
            """);
        claude ??= ground.Script("claude", $"grep '^[{'{'}]' '{Recorded(recorded)}'");
        return Runner(ground).RunAsync(
            ClaudeFlowRunner.Name,
            ground.Request(task, e => e with { ClaudeFlow = (configure ?? (f => f))(e.ClaudeFlow with { Path = flow }), ClaudeCode = e.ClaudeCode with { Path = claude } }) with
            {
                Resume = resume,
                Spent = spent ?? AgentUsage.None,
            },
            ground,
            Ct);
    }
}
