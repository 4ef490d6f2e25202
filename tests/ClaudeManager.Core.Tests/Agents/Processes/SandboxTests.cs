using System.Diagnostics;
using System.Runtime.Versioning;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Agents.Processes;

/// <summary>Real bubblewrap. Where it is missing the tests that need it fail: <c>eng/test.sh</c> installs it.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SandboxTests : IDisposable
{
    private readonly Containment _containment = new();

    [Theory]
    [InlineData(null, RepositoryKind.GitHub, null, SandboxLevel.Bwrap)]
    [InlineData(null, RepositoryKind.Local, null, SandboxLevel.Bwrap)]
    [InlineData(null, RepositoryKind.Local, "not here.", SandboxLevel.Process)]
    [InlineData("preferred", RepositoryKind.GitHub, "not here.", SandboxLevel.Process)]
    [InlineData("off", RepositoryKind.GitHub, null, SandboxLevel.Process)]
    public void Resolve_SandboxMayBeHad_GivesALevel(string? setting, RepositoryKind kind, string? problem, SandboxLevel expected)
    {
        var choice = Sandbox.Resolve(setting, kind, problem);

        Assert.Equal((expected, null), (choice.Level, choice.Error));
        Assert.Equal(expected == SandboxLevel.Process, choice.Notice is not null);
    }

    [Theory]
    [InlineData(null, RepositoryKind.GitHub, "not here.", "not here.")]
    [InlineData("required", RepositoryKind.Local, "not here.", "not here.")]
    [InlineData("yes", RepositoryKind.Local, null, "must be required, preferred or off")]
    public void Resolve_LevelCannotBeGiven_IsAConfigurationError(string? setting, RepositoryKind kind, string? problem, string error)
    {
        var choice = Sandbox.Resolve(setting, kind, problem);

        Assert.Null(choice.Level);
        Assert.Contains(error, choice.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProblemAsync_BwrapWorks_IsNull() =>
        Assert.Null(await _containment.Sandbox.ProblemAsync(TestContext.Current.CancellationToken));

    [Fact]
    public async Task ProblemAsync_NoBwrapOnPath_NamesIt()
    {
        var sandbox = new Sandbox(_containment.Data, new HostEnvironment(new Dictionary<string, string> { ["PATH"] = _containment.Home }));

        Assert.Contains("bwrap is not on PATH", await sandbox.ProblemAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProblemAsync_BwrapFails_SaysWhatItSaid()
    {
        var broken = Path.Combine(_containment.Home, "bwrap");
        await File.WriteAllTextAsync(broken, "#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(broken, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var sandbox = new Sandbox(_containment.Data, new HostEnvironment(new Dictionary<string, string> { ["PATH"] = _containment.Home + ":/usr/bin:/bin" }));

        Assert.Contains("No permissions to create new namespace", await sandbox.ProblemAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_WritesOutside_IsRefusedAndInsideIsOurs()
    {
        await RunAsync("touch inside ~/home /tmp/private && mkdir d && chmod 700 d && touch d/deep; touch ../beside; for f in /x /usr/x /etc/x /var/x /run/../x /home/x; do touch $f 2>/dev/null && echo \"wrote $f\"; done; id -u; pwd; whoami");

        Assert.Equal([Environment.UserName == "root" ? "1000" : _containment.Lines.First(), _containment.Workspace, "agent"], _containment.Lines);
        Assert.True(File.Exists(Path.Combine(_containment.Workspace, "d", "deep")));
        Assert.True(File.Exists(Path.Combine(_containment.Home, "home")));
        Assert.False(File.Exists("/tmp/private"));
        Assert.False(File.Exists(Path.Combine(_containment.Workspace, "..", "beside")));
        Directory.Delete(Path.Combine(_containment.Workspace, "d"), recursive: true);
    }

    [Fact]
    public async Task RunAsync_LooksAround_SeesNeitherDataDirectoryNorHomesNorOtherProcesses()
    {
        await File.WriteAllTextAsync(Path.Combine(_containment.Data.Root, "master.key"), "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_containment.Outside, "repository"), "secret", TestContext.Current.CancellationToken);
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

        await RunAsync($"cd /; cat {_containment.Data.MasterKeyFile} {_containment.Outside}/repository /etc/shadow 2>/dev/null; ls {_containment.Data.Root} {_containment.Data.RunsRoot}; ls -A {home} 2>/dev/null | grep -E '^[.](ssh|gitconfig|claude|bash_history|config|local|aws|netrc)$'; ls -d /proc/[0-9]* | wc -l");

        Assert.Equal([$"{_containment.Data.Root}:", "runs", "", $"{_containment.Data.RunsRoot}:", "1"], _containment.Lines.Take(5));
        Assert.Equal(6, _containment.Lines.Count);
        Assert.True(int.Parse(_containment.Lines.Last(), System.Globalization.CultureInfo.InvariantCulture) < 8);
    }

    [Fact]
    public async Task RunAsync_LooksAtItself_HasNoPowersAndNamespacesOfItsOwn()
    {
        string[] namespaces = ["user", "pid", "ipc", "uts", "mnt", "net"];

        await RunAsync($"awk '/^(CapPrm|CapEff|CapAmb|NoNewPrivs)/ {{ print $2 }}' /proc/self/status; for n in {string.Join(' ', namespaces)}; do readlink /proc/self/ns/$n; done; uname -n");

        Assert.Equal(["0000000000000000", "0000000000000000", "0000000000000000", "1"], _containment.Lines.Take(4));
        Assert.Empty(_containment.Lines.Skip(4).Intersect(namespaces.Select(name => new FileInfo("/proc/self/ns/" + name).LinkTarget!)));
        Assert.Equal("agent", _containment.Lines.Last());
        Assert.Equal(4 + namespaces.Length + 1, _containment.Lines.Count);
    }

    [Fact]
    public async Task RunAsync_DataDirectoryUnderAVisibleFolder_IsCoveredUp()
    {
        await File.WriteAllTextAsync(_containment.Data.MasterKeyFile, "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_containment.Outside, "shown"), "", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(_containment.Outside, "bin"));
        var host = new HostEnvironment(new Dictionary<string, string> { ["PATH"] = $"{_containment.Outside}/bin:/usr/bin:/bin" });
        var processes = new ContainedProcess(new Sandbox(_containment.Data, host), host, new CurrentConfiguration(new()), TimeProvider.System, NullLogger<ContainedProcess>.Instance);
        var lines = new List<string>();

        await processes.RunAsync(
            _containment.Shell($"ls {_containment.Outside} {_containment.Data.Root}; touch here", SandboxLevel.Bwrap),
            _containment,
            (line, _) =>
            {
                lines.Add(line);
                return ValueTask.FromResult(LineVerdict.Continue);
            },
            stall: null,
            TestContext.Current.CancellationToken);

        Assert.Equal([$"{_containment.Outside}:", "bin", "data", "shown", "", $"{_containment.Data.Root}:", "runs"], lines);
        Assert.True(File.Exists(Path.Combine(_containment.Workspace, "here")));
    }

    [Theory]
    [InlineData(false, "1")]
    [InlineData(true, null)]
    public async Task RunAsync_Network_IsEmptyUnlessAskedFor(bool network, string? interfaces)
    {
        await _containment.RunAsync(_containment.Shell("grep -c : /proc/net/dev; python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(\"loopback\")'", SandboxLevel.Bwrap, network));

        var host = (await File.ReadAllLinesAsync("/proc/net/dev", TestContext.Current.CancellationToken)).Count(line => line.Contains(':', StringComparison.Ordinal));
        Assert.Equal([interfaces ?? host.ToString(System.Globalization.CultureInfo.InvariantCulture), "loopback"], _containment.Lines);
    }

    [Theory]
    [InlineData("git", "git version")]
    [InlineData("dotnet", "10.")]
    [InlineData("python3", "Python 3")]
    public async Task RunAsync_Toolchains_Work(string program, string version)
    {
        var result = await _containment.RunAsync(_containment.Command([program, "--version"], SandboxLevel.Bwrap));

        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith(version, _containment.Lines.First(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_ProgramElsewhere_IsShownAloneAndCannotBeChanged()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_containment.Outside, "tools")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "format"), "#!/bin/sh\nls -A $(dirname $0); (echo x >> $0) 2>/dev/null || echo read-only; cat $1; (echo x >> $1) 2>/dev/null || echo read-only\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "beside"), "secret", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(Path.Combine(folder, "format"), (UnixFileMode)0b111_101_101);
        File.CreateSymbolicLink(Path.Combine(_containment.Outside, "link"), Path.Combine(folder, "format"));
        var prompt = Path.Combine(_containment.Outside, "prompt.md");
        await File.WriteAllTextAsync(prompt, "the prompt\n", TestContext.Current.CancellationToken);

        await _containment.RunAsync(_containment.Command([Path.Combine(_containment.Outside, "link"), prompt], SandboxLevel.Bwrap) with { ReadOnlyPaths = [prompt] });

        Assert.Equal(["format", "read-only", "the prompt", "read-only"], _containment.Lines);
    }

    [Fact]
    public async Task RunAsync_SecretInTheEnvironment_IsNotInAnyArgument()
    {
        var command = _containment.Shell("tr '\\0' ' ' < /proc/1/cmdline; echo; echo \"key=$KEY\"", SandboxLevel.Bwrap) with { Environment = new Dictionary<string, string> { ["KEY"] = "sk-virtual-1" } };

        await _containment.RunAsync(command);

        Assert.DoesNotContain("sk-virtual-1", _containment.Lines.First(), StringComparison.Ordinal);
        Assert.Equal("key=sk-virtual-1", _containment.Lines.Last());
    }

    [Fact]
    public async Task RunAsync_CalledFromAThreadThatEnds_RunsOn()
    {
        Task<ContainedResult>? run = null;
        var caller = new Thread(() => run = _containment.RunAsync(_containment.Shell("echo up; sleep 0.3; echo still here", SandboxLevel.Bwrap)));
        caller.Start();
        caller.Join();

        var result = await run!;

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["up", "still here"], _containment.Lines);
    }

    [Fact]
    public async Task Arguments_ParentIsKilled_SandboxDiesWithIt()
    {
        var arguments = _containment.Sandbox.Arguments(_containment.Shell("", SandboxLevel.Bwrap), "/bin/sh", []);
        var start = new ProcessStartInfo("sh", ["-c", "bwrap \"$@\" & wait", "sh", .. arguments, "-c", "echo up; (setsid sleep 7777 &) ; sleep 7777"]) { RedirectStandardOutput = true };
        using var parent = Process.Start(start)!;
        Assert.Equal("up", await parent.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));

        parent.Kill();

        // Everything in the sandbox holds the pipe: its end is the end of the last of them.
        Assert.Equal("", await parent.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    public void Dispose() => _containment.Dispose();

    private Task<ContainedResult> RunAsync(string script) => _containment.RunAsync(_containment.Shell(script, SandboxLevel.Bwrap));
}
