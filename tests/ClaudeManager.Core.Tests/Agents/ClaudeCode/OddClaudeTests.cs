using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.ClaudeCode;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Tests.Agents.ClaudeCode;

/// <summary>A CLI that misbehaves: small scripts in its place, each a real process.</summary>
public sealed class OddClaudeTests
{
    private const string Init = """echo '{"type":"system","subtype":"init","claude_code_version":"2.1.330","model":"m"}'""";
    private const string Success = """echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"Done.","total_cost_usd":0.5}'""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_GarbageAmongTheEvents_IsKeptAndHarmless()
    {
        const string Garbage = """
            printf 'not json\n\377\376\000\n42\n[1]\n{"type":7}\n{"type":"assistant","message":"odd"}\n{"type":"assistant","message":{"content":[3,{"type":"text"}],"usage":[]}}\n'
            printf '{"type":"from_the_future","x":1}\n{"type":"user","message":{"content":"plain"}}\n{"type":"system"}\n'
            """;
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, $"{Init}\n{Garbage}\n{Success}");

        Assert.Equal(new AgentOutcome(RunEndReason.Completed, null, "Done."), outcome);
        Assert.Equal(5, ground.Texts("unparsed").Count());
        Assert.Contains(ground.Events, e => e is { Kind: "notice", Text: "from_the_future", Data: not null });
        Assert.Equal(0.5m, ground.Usage!.CostUsd);
    }

    [Fact]
    public async Task RunAsync_OneLineOfTwentyMegabytes_DoesNotEndTheRun()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, $"{Init}\nhead -c 20000000 /dev/zero | tr '\\0' 'x'\necho\n{Success}");

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.All(ground.Events, e => Assert.True(e.Text.Length < 5_000));
    }

    [Fact]
    public async Task RunAsync_LargeToolResult_IsKeptBounded()
    {
        await using var ground = await AgentGround.StartAsync();
        var line = $$$"""{"type":"user","message":{"content":[{"type":"tool_result","content":"{{{new string('y', 200_000)}}}"}]}}""";
        ground.Write("line.json", line + "\n");

        await RunAsync(ground, $"{Init}\ncat line.json\n{Success}");

        var kept = Assert.Single(ground.Events, e => e.Kind == "tool_result");
        Assert.True(kept.Data!.Value.GetProperty("truncated").GetBoolean());
        Assert.InRange(kept.Data.Value.GetRawText().Length, 60_000, 100_000);
    }

    [Fact]
    public async Task RunAsync_ExitsZeroWithErrorResult_Fails()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, Init + """

            echo '{"type":"result","subtype":"success","is_error":true,"num_turns":1,"result":"The model gave up."}'
            """);

        Assert.Equal(new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, "The model gave up."), outcome);
    }

    [Fact]
    public async Task RunAsync_ExitsZeroWithoutResult_Fails()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, Init);

        Assert.Equal((RunEndReason.Failed, FailureClass.Agent), (outcome.Reason, outcome.Failure));
        Assert.Contains("without a result", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_KilledBySignal_IsInfrastructure()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, $"{Init}\nkill -9 $$");

        Assert.Equal((RunEndReason.Failed, FailureClass.Infrastructure), (outcome.Reason, outcome.Failure));
    }

    [Fact]
    public async Task RunAsync_LingersAfterTheResult_IsStoppedWithItsChildren()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await RunAsync(ground, $"trap '' INT TERM\n{Init}\nsleep 1000 &\nsetsid sleep 1000 &\n{Success}\nwhile :; do sleep 1; done");

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.Empty(ground.StillRunning());
    }

    [Fact]
    public async Task RunAsync_SameMessageInSeveralLines_IsCountedOnce()
    {
        const string Message = """echo '{"type":"assistant","message":{"id":"m1","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}'""";
        await using var ground = await AgentGround.StartAsync();

        await RunAsync(ground, $"{Init}\n{Message}\n{Message}\n{Message.Replace("m1", "m2", StringComparison.Ordinal)}");

        Assert.Equal(new AgentUsage(null, 30, 2, 2), ground.Usage);
    }

    [Fact]
    public async Task RunAsync_PromptWithAnything_ArrivesUnchangedOnStandardInput()
    {
        const string Prompt = "/help\n--bogus `$(touch planted)` \u202E äöü\n";
        await using var ground = await AgentGround.StartAsync();

        await ground.Claude.RunAsync("claude-code", ground.Request(Prompt, e => ground.WithFakeClaude(e, $"cat > stdin.txt\n{Success}")), ground, Ct);

        Assert.Equal(Prompt, ground.Read("stdin.txt"));
        Assert.False(ground.Exists("planted"));
    }

    [Fact]
    public async Task RunAsync_Missing_IsAConfigurationError()
    {
        await using var ground = await AgentGround.StartAsync();
        var request = ground.Request(executor: e => e with { ClaudeCode = e.ClaudeCode with { Path = "/nowhere/claude" } });

        var outcome = await ground.Claude.RunAsync("claude-code", request, ground, Ct);

        Assert.Equal((RunEndReason.ConfigurationError, FailureClass.Configuration), (outcome.Reason, outcome.Failure));
    }

    [Fact]
    public async Task RunAsync_EarlierAttemptsUsedSome_GetsWhatIsLeft()
    {
        await using var ground = await AgentGround.StartAsync();
        var request = ground.Request(executor: e => ground.WithFakeClaude(e, $"echo \"$@\" > arguments\n{Init}\n{Success}") with { MaxTurns = 50 });

        await ground.Claude.RunAsync("claude-code", request with { BudgetUsd = 5, Spent = new AgentUsage(3.25m, 1, 1, 42) }, ground, Ct);

        var arguments = ground.Read("arguments");
        Assert.Contains("--max-budget-usd 1.75 ", arguments, StringComparison.Ordinal);
        Assert.Contains("--max-turns 8 ", arguments, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_NoTurnsLeft_StartsNothing()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Claude.RunAsync("claude-code", ground.Request(executor: e => e with { MaxTurns = 50 }) with { Spent = new AgentUsage(0, 1, 1, 50) }, ground, Ct);

        Assert.Equal(new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, "The agent was not done after 50 turns (executor.maxTurns)."), outcome);
        Assert.Empty(ground.StartedProcesses);
    }

    [Fact]
    public async Task RunAsync_ResultOfAResumedSession_CountsThisCallOnly()
    {
        await using var ground = await AgentGround.StartAsync();

        await RunAsync(ground, Init + """

            echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"Done.","total_cost_usd":0.75,"modelUsage":{"m":{"inputTokens":30,"outputTokens":3,"costUSD":0.75}},"model_usage_since_last_result":{"m":{"inputTokens":10,"cacheReadInputTokens":5,"outputTokens":1,"costUSD":0.25}}}'
            """);

        Assert.Equal(new AgentUsage(0.25m, 15, 1, 1), ground.Usage);
    }

    [Fact]
    public async Task RunAsync_NoBudgetLeft_StartsNothing()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Claude.RunAsync("claude-code", ground.Request() with { BudgetUsd = 0 }, ground, Ct);

        Assert.Equal(RunEndReason.BudgetExhausted, outcome.Reason);
        Assert.Empty(ground.StartedProcesses);
    }

    [Theory]
    [InlineData("echo '2.1.216 (Claude Code)'", "too old")]
    [InlineData("echo 'hello'", "gave no version but 'hello'")]
    [InlineData("exit 3", "gave no version")]
    public async Task ProbeAsync_WrongProgram_SaysWhatIsWrong(string script, string expected)
    {
        await using var ground = await AgentGround.StartAsync();

        var found = await ground.Claude.ProbeAsync("claude-code", ManagerConfiguration.Default with { Executor = ground.WithFakeClaude(new ExecutorConfiguration(), script) }, Ct);

        Assert.Contains(expected, found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProbeAsync_NotInstalled_SaysHowToInstall()
    {
        await using var ground = await AgentGround.StartAsync();
        var configuration = ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { ClaudeCode = new ClaudeCodeConfiguration { Path = "no-such-claude" } } };

        var found = await ground.Claude.ProbeAsync("claude-code", configuration, Ct);

        Assert.Contains("npm install", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProbeAsync_WithoutKey_SaysWhichVariableToSet()
    {
        await using var ground = await AgentGround.StartAsync();
        var runner = new ClaudeCodeRunner(ground.Processes, AgentGround.Host, ground.Gateway, new ModelCredentials(null, null, ModelCredentials.Anthropic), TimeProvider.System);

        var found = await runner.ProbeAsync("claude-code", ManagerConfiguration.Default with { Executor = ground.WithFakeClaude(new ExecutorConfiguration(), "echo '2.1.330 (Claude Code)'") }, Ct);
        var outcome = await runner.RunAsync("claude-code", ground.Request(), ground, Ct);

        Assert.Contains("ANTHROPIC_API_KEY", found.Problem, StringComparison.Ordinal);
        Assert.Equal(new AgentOutcome(RunEndReason.ConfigurationError, FailureClass.Configuration, found.Problem!), outcome);
    }

    private static Task<AgentOutcome> RunAsync(AgentGround ground, string script)
        => ground.Claude.RunAsync("claude-code", ground.Request(executor: e => ground.WithFakeClaude(e, script)), ground, Ct);
}
