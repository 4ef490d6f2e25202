using System.Globalization;
using System.Text;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Tests.Agents.Processes;

public sealed class ContainedProcessTests : IDisposable
{
    private readonly Containment _containment = new();

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_ProgramWritesToBothStreams_LinesAndExitCodeArrive(SandboxLevel level)
    {
        var result = await _containment.RunAsync(_containment.Shell("cat; echo error >&2; printf 'no newline'; exit 7", level, input: "from input\r\n"u8.ToArray()));

        Assert.Equal((ContainedEnd.Exited, 7), (result.End, result.ExitCode));
        Assert.Equal(["! error", "from input", "no newline"], _containment.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task RunAsync_Started_ReportsPidAndStartTimeBeforeInputIsWritten()
    {
        await _containment.RunAsync(_containment.Shell("read line; cut -d' ' -f22 /proc/$$/stat; echo $$", input: "go\n"u8.ToArray()));

        var (id, start, purpose) = Assert.NotNull(_containment.Started);
        Assert.Equal([start.ToString(CultureInfo.InvariantCulture), id.ToString(CultureInfo.InvariantCulture)], _containment.Lines);
        Assert.Equal("test", purpose);
        Assert.Equal((id, start), _containment.Ended);
    }

    [Fact]
    public async Task RunAsync_GarbageOnOutput_IsReplacedAndTheRestArrives()
    {
        await _containment.RunAsync(_containment.Shell(@"printf 'a\377\376b\n\n\0\nend\n'"));

        Assert.Equal(["a\uFFFD\uFFFDb", "", "\0", "end"], _containment.Lines);
    }

    [Fact]
    public async Task RunAsync_LineOfTwentyMegabytes_IsCutAndSaidSo()
    {
        await _containment.RunAsync(_containment.Shell("head -c 20971520 /dev/zero | tr '\\0' x; echo; echo after"));

        Assert.Equal(2, _containment.Lines.Count);
        Assert.EndsWith(" … [10485760 bytes of this line were dropped]", _containment.Lines.First(), StringComparison.Ordinal);
        Assert.Equal("after", _containment.Lines.Last());
    }

    [Theory]
    [InlineData("no-such-program-anywhere", "it is in no folder of PATH")]
    [InlineData("./missing", "does not exist")]
    [InlineData("./data.txt", "is not executable")]
    public async Task RunAsync_ProgramCannotBeStarted_SaysWhy(string program, string why)
    {
        await File.WriteAllTextAsync(Path.Combine(_containment.Workspace, "data.txt"), "text", TestContext.Current.CancellationToken);

        var fault = await Assert.ThrowsAsync<ProgramNotStartedException>(() => _containment.RunAsync(_containment.Command([program])));

        Assert.Equal(program, fault.Program);
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        Assert.Null(_containment.Started);
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_NoLineForTheStallTime_EndsAsStalled(SandboxLevel level)
    {
        var result = await _containment.RunAsync(_containment.Shell("echo one; exec sleep 1000", level), stall: TimeSpan.FromMilliseconds(300));

        Assert.Equal((ContainedEnd.Stalled, 130), (result.End, result.ExitCode));
        Assert.Equal(["one"], _containment.Lines);
    }

    [Fact]
    public async Task RunAsync_KeepsTalking_DoesNotStall()
    {
        var result = await _containment.RunAsync(_containment.Shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done"), stall: TimeSpan.FromSeconds(1));

        Assert.Equal(ContainedEnd.Exited, result.End);
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_TimedOut_ProgramIsAskedBySigintFirst(SandboxLevel level)
    {
        // A foreground child, as a shell runs its trap only when that has ended: the signal must reach the whole group.
        var result = await _containment.RunAsync(_containment.Shell("trap 'echo interrupted; exit 3' INT; echo up; sleep 1000", level) with { Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal((ContainedEnd.TimedOut, 3), (result.End, result.ExitCode));
        Assert.Equal(["up", "interrupted"], _containment.Lines);
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_ProgramIgnoresSigintAndSigterm_IsKilled(SandboxLevel level)
    {
        var result = await _containment.RunAsync(_containment.Shell("trap 'echo int' INT; trap 'echo term' TERM; echo up; while :; do sleep 0.02; done", level), Finish("up"));

        Assert.Equal((ContainedEnd.Stopped, 137), (result.End, result.ExitCode));
        Assert.Contains("int", _containment.Lines);
        Assert.Contains("term", _containment.Lines);
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_ChildLeavesTheSessionAndClosesItsFiles_IsKilledToo(SandboxLevel level)
    {
        var pidFile = Path.Combine(_containment.Workspace, "pid");
        await _containment.RunAsync(_containment.Shell(
            "(setsid sh -c 'echo $$ > pid; exec sleep 7777' </dev/null >/dev/null 2>&1 &) ; while ! [ -s pid ]; do :; done; echo done", level));

        Assert.Equal(["done"], _containment.Lines);
        Assert.NotEqual("", (await File.ReadAllTextAsync(pidFile, TestContext.Current.CancellationToken)).Trim());
        Assert.Empty(Carrying());
    }

    [Fact]
    public async Task RunAsync_BackgroundChildHoldsTheOutput_EndsWithTheProgram()
    {
        var result = await _containment.RunAsync(_containment.Shell("sleep 7777 & echo done"));

        Assert.Equal(ContainedEnd.Exited, result.End);
        Assert.Empty(Carrying());
    }

    [Fact]
    public async Task RunAsync_ChildWithoutOurEnvironment_IsFoundByItsParent()
    {
        var result = await _containment.RunAsync(_containment.Shell("env -i setsid sh -c 'trap \"\" INT TERM; exec sleep 6543' & echo up; wait"), Finish("up"));

        Assert.Equal(ContainedEnd.Stopped, result.End);
        Assert.DoesNotContain(ProcessTable.Snapshot(), entry => !entry.IsZombie && CommandLine(entry.Id) == "sleep\06543\0");
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_Cancelled_StopsEverythingThenThrows(SandboxLevel level)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var run = _containment.RunAsync(
            _containment.Shell("trap '' INT TERM; sleep 7777 & echo up; wait; wait; wait; sleep 7777", level),
            async _ =>
            {
                await cancel.CancelAsync();
                return LineVerdict.Continue;
            },
            ct: cancel.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Empty(Carrying());
        Assert.NotNull(_containment.Ended);
    }

    [Fact]
    public async Task RunAsync_ReaderFails_StopsTheGroupAndRethrows()
    {
        var run = _containment.RunAsync(_containment.Shell("echo up; sleep 7777"), _ => throw new InvalidDataException("lease lost"));

        Assert.Equal("lease lost", (await Assert.ThrowsAsync<InvalidDataException>(() => run)).Message);
        Assert.Single(_containment.Lines);
        Assert.Empty(Carrying());
    }

    [Fact]
    public async Task RunAsync_SinkRefusesTheProcess_StopsItAndRethrows()
    {
        using var refusing = new Containment { ProcessStartedFault = new InvalidDataException("lease lost") };

        await Assert.ThrowsAsync<InvalidDataException>(() => refusing.RunAsync(refusing.Shell("sleep 7777")));

        Assert.Empty(Carrying());
        Assert.Null(ProcessTable.StartOf(Assert.NotNull(refusing.Started).Id));
    }

    [Fact]
    public async Task RunAsync_FinishedAndEndsByItself_KeepsItsExitCode()
    {
        var result = await _containment.RunAsync(_containment.Shell("echo result; read rest; exit 4", input: []), Finish("result"));

        Assert.Equal((ContainedEnd.Exited, 4), (result.End, result.ExitCode));
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task RunAsync_Environment_HoldsOnlyTheAllowList(SandboxLevel level)
    {
        var command = _containment.Command(["env", "-0"], level) with { Environment = new Dictionary<string, string> { ["ADDED"] = "a b" } };

        await _containment.RunAsync(command);

        var names = string.Join('\n', _containment.Lines).Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(variable => variable.Split('=')[0]).ToHashSet();
        string[] allowed = ["PATH", "LANG", "TERM", "HOME", "PWD", "TMPDIR", "ADDED", "CLAUDE_MANAGER_RUN", "CLAUDE_MANAGER_PROCESS", "DOTNET_CLI_TELEMETRY_OPTOUT", "DOTNET_NOLOGO",
            "DOTNET_ROOT", "JAVA_HOME", "GOROOT", "NUGET_FALLBACK_PACKAGES", "PYENV_ROOT", "RUSTUP_HOME"];
        Assert.Empty(names.Except(allowed));
        Assert.Superset(new HashSet<string> { "PATH", "HOME", "ADDED", "CLAUDE_MANAGER_RUN" }, names);
    }

    [Fact]
    public async Task RunAsync_NetworkConfigured_ProxyOnlyWithNetwork()
    {
        using var proxied = new Containment(new() { Proxy = "http://proxy.test:3128" });

        await proxied.RunAsync(proxied.Shell("echo \"without ${https_proxy:-nothing}\"", network: false));
        await proxied.RunAsync(proxied.Shell("echo \"with $https_proxy\"", network: true));

        Assert.Equal(["without nothing", "with http://proxy.test:3128"], proxied.Lines);
    }

    [Fact]
    public async Task RunAsync_InputIsNotRead_IsNoFault()
    {
        var result = await _containment.RunAsync(_containment.Shell("exit 0", input: Encoding.UTF8.GetBytes(new string('x', 1_000_000))));

        Assert.Equal(0, result.ExitCode);
    }

    public void Dispose() => _containment.Dispose();

    private static Func<string, ValueTask<LineVerdict>> Finish(string at) => line => ValueTask.FromResult(line == at ? LineVerdict.Finish : LineVerdict.Continue);

    private static string CommandLine(int processId)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/cmdline"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>What still runs of this test's run.</summary>
    private List<ProcessEntry> Carrying() =>
        [.. ProcessTable.Snapshot().Where(entry => !entry.IsZombie && ProcessTable.VariableOf(entry.Id, "CLAUDE_MANAGER_RUN") == _containment.Command([]).Run.ToString())];
}
