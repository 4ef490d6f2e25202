using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents.Processes;

namespace ClaudeManager.Tests.Shared.Processes;

/// <summary>One of our own programs as it was built, in a process and an environment of its own. What it says is kept for the message of a test that fails.</summary>
public sealed partial class ProgramProcess : IAsyncDisposable
{
    /// <summary>All that a program gets of the environment of the tests.</summary>
    private static readonly string[] s_inherited = ["PATH", "DOTNET_ROOT", "LANG", "TMPDIR"];

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _name;

    private ProgramProcess(string name, Process process)
    {
        _name = name;
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it says that it listens.</summary>
    public Uri Address { get; private set; } = null!;

    public int Id => _process.Id;

    public DateTimeOffset StartedAt => _process.StartTime;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>The program of a project, beside the tests' own in the same configuration.</summary>
    public static string Built(string project)
    {
        var mine = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(mine.Parent!.Parent!.FullName, project, mine.Name, project);
    }

    /// <summary>Starts a program and waits until it names the address it listens at.</summary>
    /// <param name="directory">Its working directory and its home.</param>
    public static async Task<ProgramProcess> StartAsync(
        string program, IEnumerable<string> arguments, string directory, IReadOnlyDictionary<string, string> environment, CancellationToken ct)
    {
        // As a person's shell starts it: a shell that starts the tests in the background leaves SIGINT ignored in all that comes of them.
        var start = new ProcessStartInfo(OperatingSystem.IsLinux() ? "env" : program, OperatingSystem.IsLinux() ? ["--default-signal=INT", program, .. arguments] : arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Except(s_inherited, StringComparer.Ordinal).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["HOME"] = directory;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = new ProgramProcess(Path.GetFileName(program), new Process { StartInfo = start });
        try
        {
            await process.WaitForAddressAsync(ct);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGKILL to this process alone: what it started is left to itself.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        _process.Kill();
        await _process.WaitForExitAsync(ct);
    }

    /// <summary>What Ctrl+C sends.</summary>
    public void Interrupt() => Signals.Send(_process.Id, Signals.Interrupt);

    /// <summary>SIGTERM; returns its exit code.</summary>
    public Task<int> StopAsync(CancellationToken ct)
    {
        Signals.Send(_process.Id, Signals.Terminate);
        return WaitForExitAsync(ct);
    }

    /// <summary>Waits for its end and returns its exit code.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        try
        {
            await StopAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task WaitForAddressAsync(CancellationToken ct)
    {
        var exited = _process.WaitForExitAsync(ct);
        var first = await Task.WhenAny(_address.Task, exited).WaitAsync(Eventually.Patience, TimeProvider.System, ct);
        Address = first == _address.Task
            ? await _address.Task
            : throw new InvalidOperationException($"{_name} ended with exit code {_process.ExitCode} before it listened:\n{Output}");
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        if (Listening().Match(line) is { Success: true } match)
        {
            _address.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }

    [GeneratedRegex(@"(?:Claude Manager is at|Now listening on:) (http://127\.0\.0\.1:[0-9]+)")]
    private static partial Regex Listening();
}
