using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>Which level a run gets, or why it may not run.</summary>
/// <param name="Error">A configuration error to show; then there is no level.</param>
/// <param name="Notice">Why the level is lower than it could be.</param>
public sealed record SandboxChoice(SandboxLevel? Level, string? Error, string? Notice);

/// <summary>
/// Builds the sandbox of a command with bubblewrap: a file system of read-only system folders in which only the command's directory, its home and a private /tmp can be written,
/// its own user, PID, IPC and host-name namespaces, no capabilities, and its own empty network where it needs none.
/// </summary>
public sealed class Sandbox(DataDirectory data, HostEnvironment host)
{
    /// <summary>The id a command sees itself as when we are root: agents refuse to work unattended as root.</summary>
    private const uint UnprivilegedId = 1000;

    private static readonly string[] s_systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

    /// <summary>What programs read of /etc. Nothing here holds a secret; the rest of /etc is not there.</summary>
    private static readonly string[] s_etc =
    [
        "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf", "hosts", "localtime", "timezone", "os-release", "debian_version", "protocols", "services", "mime.types",
        "ssl", "ca-certificates", "ca-certificates.conf", "pki", "crypto-policies", "fonts", "dotnet", "java", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "maven", "gradle", "php", "perl", "R", "lsb-release",
    ];

    private readonly Lock _gate = new();
    private Task<string?>? _probe;

    /// <summary>Decides by <c>executor.sandbox</c>; without it a GitHub repository needs the sandbox and a local one prefers it.</summary>
    /// <param name="problem">What <see cref="ProblemAsync"/> says.</param>
    public static SandboxChoice Resolve(string? setting, RepositoryKind kind, string? problem) =>
        (setting ?? (kind == RepositoryKind.GitHub ? "required" : "preferred")) switch
        {
            "off" => new(SandboxLevel.Process, null, "executor.sandbox is off: the agent can read what the server's user can read."),
            "preferred" or "required" when problem is null => new(SandboxLevel.Bwrap, null, null),
            "preferred" => new(SandboxLevel.Process, null, $"No sandbox here ({problem}): the agent can read what the server's user can read."),
            "required" => new(null, $"executor.sandbox requires bubblewrap, which does not work here: {problem} Install it, or set executor.sandbox to \"preferred\" if this repository may run without.", null),
            var other => new(null, $"executor.sandbox is '{other}'; it must be required, preferred or off.", null),
        };

    /// <summary>Null where bubblewrap works; else what is wrong. Tried once by running it, then remembered.</summary>
    public Task<string?> ProblemAsync(CancellationToken ct)
    {
        lock (_gate)
        {
            return (_probe ??= ProbeAsync()).WaitAsync(ct);
        }
    }

    /// <summary>The arguments of bwrap up to and including the program. The environment is not among them: it is bwrap's own, because arguments are visible to everybody.</summary>
    internal List<string> Arguments(ContainedCommand command, string program, IEnumerable<string> readOnlyPaths)
    {
        List<string> arguments = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"];
        var (user, group) = Ids();
        arguments.AddRange(["--uid", Text(user), "--gid", Text(group), "--hostname", "agent"]);
        if (!command.Network)
        {
            arguments.Add("--unshare-net");
        }

        var shown = new List<string>();
        foreach (var folder in s_systemFolders)
        {
            if (new DirectoryInfo(folder) is { Exists: true } directory)
            {
                arguments.AddRange(directory.LinkTarget is { } target ? ["--symlink", target, folder] : ["--ro-bind", folder, folder]);
                shown.Add(folder);
            }
        }

        foreach (var name in command.Network ? [.. s_etc, "resolv.conf", "gai.conf"] : s_etc)
        {
            arguments.AddRange(["--ro-bind-try", "/etc/" + name, "/etc/" + name]);
        }

        var accounts = WriteAccounts(user, group);
        arguments.AddRange(["--ro-bind", accounts.Users, "/etc/passwd", "--ro-bind", accounts.Groups, "/etc/group"]);
        arguments.AddRange(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run"]);

        foreach (var path in host.ReadOnlyPaths().Where(path => !IsShown(path)))
        {
            arguments.AddRange(["--ro-bind", path, path]);
            shown.Add(path);
        }

        // A data directory inside a folder that is shown (/opt/claude-manager/data) is covered up.
        if (IsShown(data.Root))
        {
            arguments.AddRange(["--tmpfs", data.Root]);
        }

        arguments.AddRange(["--bind", command.Directory, command.Directory, "--bind", command.Home, command.Home]);
        shown.AddRange([command.Directory, command.Home]);
        foreach (var path in readOnlyPaths)
        {
            arguments.AddRange(["--ro-bind", path, path]);
            shown.Add(path);
        }

        // Some programs look at the name they are called by (rustup, busybox), so a link is followed only where the sandbox could not.
        var real = File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program;
        if (!IsShown(program) || !IsShown(real))
        {
            arguments.AddRange(["--ro-bind", real, real]);
            program = real;
        }

        arguments.AddRange(["--remount-ro", "/", "--chdir", command.Directory, "--", program]);
        return arguments;

        bool IsShown(string path) => shown.Exists(folder => HostEnvironment.Contains(folder, path));
    }

    private static (uint User, uint Group) Ids() =>
        Signals.EffectiveUserId() is var user and not 0 ? (user, Signals.EffectiveGroupId()) : (UnprivilegedId, UnprivilegedId);

    private static string Text(uint id) => id.ToString(CultureInfo.InvariantCulture);

    /// <summary>An account list of one: libraries ask for the name of the current user, and the host's list is nobody's business.</summary>
    private (string Users, string Groups) WriteAccounts(uint user, uint group)
    {
        var folder = Directory.CreateDirectory(Path.Combine(data.Root, "sandbox")).FullName;
        var users = Path.Combine(folder, "passwd");
        var groups = Path.Combine(folder, "group");
        WriteOnce(users, $"root:x:0:0:root:/:/bin/sh\nagent:x:{Text(user)}:{Text(group)}:agent:/tmp:/bin/sh\n");
        WriteOnce(groups, $"root:x:0:\nagent:x:{Text(group)}:\n");
        return (users, groups);
    }

    private static void WriteOnce(string path, string content)
    {
        if (!File.Exists(path) || File.ReadAllText(path) != content)
        {
            var draft = path + "." + Path.GetRandomFileName();
            File.WriteAllText(draft, content);
            File.Move(draft, path, overwrite: true);
        }
    }

    private async Task<string?> ProbeAsync()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "bubblewrap needs Linux.";
        }

        var probe = Directory.CreateDirectory(Path.Combine(data.Root, "sandbox", "probe")).FullName;
        string bwrap;
        try
        {
            bwrap = host.Resolve("bwrap", "/");
        }
        catch (ProgramNotStartedException)
        {
            return "the program bwrap is not on PATH (Debian and Ubuntu: apt install bubblewrap).";
        }

        var command = new ContainedCommand(new RunIdentity(0, 0, "probe"), "probe", ["true"], probe, probe, new Dictionary<string, string>(), SandboxLevel.Bwrap, Network: false, TimeSpan.FromSeconds(30));
        var start = new ProcessStartInfo(bwrap, Arguments(command, host.Resolve("true", "/"), [])) { RedirectStandardError = true, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        using var process = await ProcessStarter.StartAsync(start).ConfigureAwait(false);
        process.StandardInput.Close();
        var error = await process.StandardError.ReadToEndAsync().ConfigureAwait(false);
        await process.WaitForExitAsync().ConfigureAwait(false);
        return process.ExitCode == 0 ? null : $"bwrap cannot set up its namespaces: {error.Trim()}.";
    }
}
