using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Command;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Tests.Agents.Command;

public sealed class CommandRunnerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_Program_GetsThePromptTwiceAndWorksInTheWorkspace(SandboxLevel level)
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Command().RunAsync(
            "command:fmt", Request(ground, "cat > stdin.txt; cat \"$CLAUDE_MANAGER_PROMPT_FILE\" > file.txt; echo working; echo \"$COLOUR\" >&2", "$(boom)\nÄ") with { Sandbox = level }, ground, Ct);

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.Equal("$(boom)\nÄ", ground.Read("stdin.txt"));
        Assert.Equal("$(boom)\nÄ", ground.Read("file.txt"));
        Assert.Equal(["green", "working"], ground.Texts("output").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RunAsync_AnEarlierAttemptLeftALinkForThePrompt_IsNotWrittenThrough(bool isThere)
    {
        await using var ground = await AgentGround.StartAsync();
        var request = Request(ground, "cat \"$CLAUDE_MANAGER_PROMPT_FILE\" > file.txt", "the prompt");
        var ours = Path.Combine(Directory.CreateTempSubdirectory().FullName, "ours");
        if (isThere)
        {
            await File.WriteAllTextAsync(ours, "ours", Ct);
        }

        File.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(request.Home).FullName, "prompt.md"), ours);

        var outcome = await ground.Command().RunAsync("command:fmt", request, ground, Ct);

        Assert.Equal((RunEndReason.Completed, "the prompt"), (outcome.Reason, ground.Read("file.txt")));
        Assert.Equal(isThere ? "ours" : null, File.Exists(ours) ? await File.ReadAllTextAsync(ours, Ct) : null);
    }

    [Fact]
    public async Task RunAsync_ExitCodeNotZero_FailsWithTheLastLines()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Command().RunAsync("command:fmt", Request(ground, "seq 1 100; exit 3"), ground, Ct);

        Assert.Equal((RunEndReason.Failed, FailureClass.Agent), (outcome.Reason, outcome.Failure));
        Assert.Equal("command:fmt ended with exit code 3. Its last lines:\n" + string.Join('\n', Enumerable.Range(81, 20)), outcome.Detail);
    }

    [Fact]
    public async Task RunAsync_NeverEnds_EndsAsTimedOutAndLeavesNothing()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Command().RunAsync("command:fmt", Request(ground, "trap '' INT TERM; while :; do echo tick; sleep 0.1; done", timeout: TimeSpan.FromSeconds(1)), ground, Ct);

        Assert.Equal(RunEndReason.TimedOut, outcome.Reason);
        Assert.NotEmpty(ground.StartedProcesses);
        Assert.Empty(ground.StillRunning());
    }

    [Fact]
    public async Task RunAsync_Silent_EndsAsStalled()
    {
        await using var ground = await AgentGround.StartAsync();
        var request = Request(ground, "sleep 1000");

        var outcome = await ground.Command().RunAsync("command:fmt", request with { Executor = request.Executor with { Stall = TimeSpan.FromMilliseconds(300) } }, ground, Ct);

        Assert.Equal(RunEndReason.Stalled, outcome.Reason);
    }

    [Fact]
    public async Task RunAsync_VeryLongLine_IsShownCut()
    {
        await using var ground = await AgentGround.StartAsync();

        var outcome = await ground.Command().RunAsync("command:fmt", Request(ground, "head -c 20000000 /dev/zero | tr '\\0' 'x'"), ground, Ct);

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.All(ground.Texts("output"), text => Assert.True(text.Length < 2_100));
    }

    [Fact]
    public async Task RunAsync_ProgramOfTheRepository_IsFoundInTheWorkspace()
    {
        await using var ground = await AgentGround.StartAsync();
        File.Move(ground.Script("fix", "echo fixed > fixed.txt"), Path.Combine(ground.Workspace, "fix"));
        var request = ground.Request(executor: e => e with { Commands = new Dictionary<string, CommandAgentConfiguration> { ["fix"] = new() { Program = "./fix" } } });

        var outcome = await ground.Command().RunAsync("command:fix", request, ground, Ct);

        Assert.Equal(RunEndReason.Completed, outcome.Reason);
        Assert.Equal("fixed\n", ground.Read("fixed.txt"));
    }

    [Fact]
    public async Task RunAsync_BuiltIn_NeedsNoConfigurationAndCannotBeReplaced()
    {
        await using var ground = await AgentGround.StartAsync();
        var builtIn = new BuiltInCommands(new Dictionary<string, CommandAgentConfiguration> { ["fmt"] = new() { Program = "sh", Args = ["-c", "echo built in"] } });

        await ground.Command(builtIn).RunAsync("command:fmt", Request(ground, "echo configured"), ground, Ct);

        Assert.Equal(["built in"], ground.Texts("output"));
    }

    [Theory]
    [InlineData("command:other")]
    [InlineData("command:")]
    [InlineData("command")]
    public async Task RunAsync_UnknownName_IsAConfigurationErrorThatNamesTheKnown(string name)
    {
        await using var ground = await AgentGround.StartAsync();
        var request = Request(ground, "true");

        var outcome = await ground.Command().RunAsync(name, request, ground, Ct);
        var found = await ground.Command().ProbeAsync(name, ManagerConfiguration.Default with { Executor = request.Executor }, Ct);

        Assert.Equal((RunEndReason.ConfigurationError, FailureClass.Configuration), (outcome.Reason, outcome.Failure));
        Assert.Contains("command:fmt", outcome.Detail, StringComparison.Ordinal);
        Assert.Equal(outcome.Detail, found.Problem);
    }

    [Fact]
    public async Task ProbeAsync_ProgramThatIsNotThere_SaysSo()
    {
        await using var ground = await AgentGround.StartAsync();
        var executor = new ExecutorConfiguration { Commands = new Dictionary<string, CommandAgentConfiguration> { ["gone"] = new() { Program = "no-such-program" }, ["there"] = new() { Program = "sh" } } };

        var gone = await ground.Command().ProbeAsync("command:gone", ManagerConfiguration.Default with { Executor = executor }, Ct);
        var there = await ground.Command().ProbeAsync("command:there", ManagerConfiguration.Default with { Executor = executor }, Ct);

        Assert.Contains("no-such-program", gone.Problem, StringComparison.Ordinal);
        Assert.Null(there.Problem);
    }

    private static AgentRequest Request(AgentGround ground, string script, string prompt = "Do it.", TimeSpan? timeout = null) => ground.Request(prompt, e => e with
    {
        Commands = new Dictionary<string, CommandAgentConfiguration>
        {
            ["fmt"] = new() { Program = "sh", Args = ["-c", script], Environment = new Dictionary<string, string> { ["COLOUR"] = "green" }, Timeout = timeout },
        },
    });
}
