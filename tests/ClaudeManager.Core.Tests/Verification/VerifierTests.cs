using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.Tests.Agents.Processes;
using ClaudeManager.Core.Verification;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Verification;

public sealed class VerifierTests : IAsyncLifetime
{
    private const string Secret = "sk-ant" + "-api03-AbCdEf0123456789";

    private readonly Containment _containment = new();
    private readonly Redactor _redactor = new();
    private TestRepository _repository = null!;
    private WorkspaceStore _workspaces = null!;
    private Verifier _verifier = null!;
    private VerificationRequest _request = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _repository = await TestRepository.CreateAsync(Token, ("tests/run.sh", "grep -q good value\n"), ("value", "good\n"));
        _workspaces = new WorkspaceStore(_containment.Data, TimeProvider.System);
        _verifier = new Verifier(_containment.Processes, _workspaces, _containment.Data, _redactor);
        _request = new VerificationRequest(new RunIdentity(1, 1, "boot"), 5, await StoredAsync(await _repository.HeadAsync(Token)), SandboxLevel.Bwrap, new ExecutorConfiguration());
    }

    public async ValueTask DisposeAsync()
    {
        await _repository.DisposeAsync();
        _containment.Dispose();
    }

    [Theory]
    [InlineData(SandboxLevel.Process)]
    [InlineData(SandboxLevel.Bwrap)]
    public async Task AfterAsync_RealChecks_RunOnTheGivenCommitAndNotOnTheWorkTree(SandboxLevel level)
    {
        var good = _request with { Sandbox = level };
        var bad = good with { Commit = await StoredAsync(await _repository.Write("value", "bad\n").CommitAsync("Break", Token)) };
        _repository.Write("value", "good\n");
        var plan = await VerifyCommands.ResolveAsync(_request.Executor, "x", _repository.Path, _request.Commit, Token);
        Assert.Equal(0, Assert.Single(await _verifier.AfterAsync(plan, good, _containment, Token)).ExitCode);
        var result = Assert.Single(await _verifier.AfterAsync(plan, bad, _containment, Token));
        Assert.Equal((1, false), (result.ExitCode, result.TimedOut));
        Assert.Equal(["sh", "tests/run.sh"], result.Command);
        Assert.Equal("verify", _containment.Started?.Purpose);
    }

    [Fact]
    public async Task AfterAsync_SeveralChecks_AllRunAlthoughOneFails()
        => Assert.Equal([3, 0], (await _verifier.AfterAsync(Shell("exit 3", "exit 0"), _request, _containment, Token)).Select(r => r.ExitCode!.Value));

    [Fact]
    public async Task AfterAsync_ProgramNotThere_IsNoExitCode()
    {
        var result = Assert.Single(await _verifier.AfterAsync(Plan(["no-such-tool", "test"]), _request, _containment, Token));
        Assert.Null(result.ExitCode);
        Assert.False(result.TimedOut);
        Assert.Contains("no-such-tool", result.OutputTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AfterAsync_NeverEnds_TimesOut()
    {
        var result = Assert.Single(await _verifier.AfterAsync(
            Shell("echo begun; sleep 600"), _request with { Executor = new ExecutorConfiguration { Timeout = TimeSpan.FromMilliseconds(500) } }, _containment, Token));
        Assert.Equal((null, true, "begun\n"), (result.ExitCode, result.TimedOut, result.OutputTail));
    }

    [Fact]
    public async Task AfterAsync_MuchOutput_IsCutToItsEnd()
    {
        var tail = Assert.Single(await _verifier.AfterAsync(Shell("seq 200000; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last"), _request, _containment, Token)).OutputTail;
        Assert.StartsWith(OutputTail.Cut, tail, StringComparison.Ordinal);
        Assert.EndsWith("\nlast\n", tail, StringComparison.Ordinal);
        Assert.InRange(tail.Length, 1, OutputTail.MaxShown + OutputTail.Cut.Length);
    }

    [Fact]
    public async Task AfterAsync_KnownSecretAndEscapesInTheOutput_AreTakenOut()
    {
        _redactor.Learn(new SecretString(Secret));
        var tail = Assert.Single(await _verifier.AfterAsync(Plan(["printf", "\\033[31mred\\033[0m %s\\n", Secret]), _request, _containment, Token)).OutputTail;
        Assert.Equal("red ***\n", tail);
    }

    [Fact]
    public async Task AfterAsync_SecretOnlyWeKnow_IsTakenOut()
    {
        // Looks like nothing: only the redactor that has learnt it can tell.
        const string Plain = "correct horse battery staple";
        _redactor.Learn(new SecretString(Plain));
        var tail = Assert.Single(await _verifier.AfterAsync(Plan(["printf", "%s\\n", Plain]), _request, _containment, Token)).OutputTail;
        Assert.Equal("***\n", tail);
    }

    [Fact]
    public async Task AfterAsync_EarlierAttemptWasKilled_ItsFilesAreGone()
    {
        var left = Path.Combine(_containment.Data.RunDirectory(1), "verify-after");
        foreach (var folder in new[] { "home", "tree" })
        {
            Directory.CreateDirectory(Path.Combine(left, folder));
            await File.WriteAllTextAsync(Path.Combine(left, folder, "left-behind"), "", Token);
        }

        var tail = Assert.Single(await _verifier.AfterAsync(Shell("ls -A . ~"), _request, _containment, Token)).OutputTail;
        Assert.DoesNotContain("left-behind", tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AfterAsync_Sandboxed_HasAHomeOfItsOwnAndNoNetworkAndNoSecrets()
    {
        var tail = Assert.Single(await _verifier.AfterAsync(
            Shell("echo home=$HOME ci=$CI; env | grep -ci -e anthropic -e github; grep -c : /proc/net/dev; ls -a; test -e \"$0/claude-manager.db\""), _request, _containment, Token)).OutputTail;
        Assert.Contains("home=" + _containment.Data.RunDirectory(1) + "/verify-after/home ci=true\n0\n1\n", tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AfterAsync_WithRegistries_PreparesFirstAndStopsWhereThatFails()
    {
        var plan = new VerifyPlan([["sh", "-c", "grep -c : /proc/net/dev > devices; exit $(cat ../home/fail 2>/dev/null || echo 0)"]], [["cat", "devices"]], VerifyPlan.Detected, "", []);
        var offline = await _verifier.AfterAsync(plan, _request, _containment, Token);
        Assert.Equal("cat", Assert.Single(offline).Command[0]);

        var registries = _request with { Executor = new ExecutorConfiguration { VerifyNetwork = "registries" } };
        Assert.Equal(["sh", "cat"], (await _verifier.AfterAsync(plan, registries, _containment, Token)).Select(r => r.Command[0]));

        var failing = plan with { Prepare = [["false"]] };
        Assert.Equal("false", Assert.Single(await _verifier.AfterAsync(failing, registries, _containment, Token)).Command[0]);
    }

    [Fact]
    public async Task AfterAsync_ChecksLeaveFoldersNobodyMayWrite_AreClearedAway()
    {
        await _verifier.AfterAsync(Shell("mkdir -p a/b; touch a/b/c; chmod -R a-w a"), _request, _containment, Token);
        Assert.False(Directory.Exists(Path.Combine(_containment.Data.RunDirectory(1), "verify-after")));
    }

    [Fact]
    public async Task BeforeAsync_AllPassed_IsKeptForTheSameBaseCommandsAndSandbox()
    {
        var first = await DrawAsync(_request);
        Assert.Equal(first, await DrawAsync(_request with { Run = new RunIdentity(2, 1, "boot") }));
        Assert.NotEqual(first, await DrawAsync(_request, " "));
        Assert.NotEqual(first, await DrawAsync(_request with { Sandbox = SandboxLevel.Process }));
        Assert.NotEqual(first, await DrawAsync(_request with { RepositoryId = 6 }));
        Assert.NotEqual(first, await DrawAsync(_request with { Commit = await StoredAsync(await _repository.CommitAsync("Other", Token)) }));
        Assert.Equal(first, await DrawAsync(_request));
    }

    [Fact]
    public async Task BeforeAsync_Failed_IsRunAgain() => Assert.NotEqual(await DrawAsync(_request, "; exit 1"), await DrawAsync(_request, "; exit 1"));

    [Fact]
    public async Task BeforeAsync_KeptResultBroken_IsRunAgain()
    {
        var first = await DrawAsync(_request);
        await File.WriteAllTextAsync(Assert.Single(Directory.GetFiles(Path.Combine(_containment.Data.Root, "baselines", "5"))), "{", Token);
        var second = await DrawAsync(_request);
        Assert.NotEqual(first, second);
        Assert.Equal(second, await DrawAsync(_request));
    }

    [Fact]
    public async Task BeforeAsync_NothingToRun_MakesNoCheckout()
    {
        Assert.Empty(await _verifier.BeforeAsync(Plan(), _request with { Commit = "0000000000000000000000000000000000000000" }, _containment, Token));
    }

    /// <summary>A check whose output no second run gives again.</summary>
    private async Task<string> DrawAsync(VerificationRequest request, string more = "")
    {
        await StoredAsync(request.Commit, request.RepositoryId);
        return Assert.Single(await _verifier.BeforeAsync(Shell("od -An -N8 -tx8 /dev/urandom" + more), request, _containment, Token)).OutputTail;
    }

    /// <summary>Brings a commit into the store, as preparing a run does.</summary>
    private async Task<string> StoredAsync(string commit, long repositoryId = 5)
    {
        await _workspaces.PrepareAsync(99, repositoryId, _repository.Path, commit, null, Token);
        return commit;
    }

    private static VerifyPlan Shell(params string[] scripts) => Plan([.. scripts.Select(s => new[] { "sh", "-c", s })]);

    private static VerifyPlan Plan(params string[][] commands) => new([], commands, VerifyPlan.Configured, "", []);
}
