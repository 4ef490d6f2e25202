using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Tests.Shared.Processes;

/// <summary><c>claude-manager start</c> as a person starts it, on a data directory of its own. It can be killed and started again on the same data.</summary>
public sealed class ManagerProcess : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("claude-manager-e2e-").FullName;
    private readonly IReadOnlyList<string> _arguments;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly List<string> _boots = [];
    private ProgramProcess? _program;
    private HttpClient? _http;

    private ManagerProcess(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string? configuration)
    {
        Data = new DataDirectory(Path.Combine(_directory, "data"));
        _environment = environment;
        _arguments = ["start", "--port", "0", "--data", Data.Root, .. arguments];
        if (configuration is not null)
        {
            var file = Path.Combine(_directory, "manager.json");
            File.WriteAllText(file, configuration);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            _arguments = [.. _arguments, "--config", file];
        }
    }

    public DataDirectory Data { get; }

    public Uri Address => Program.Address;

    public ManagerApiClient Api { get; private set; } = null!;

    /// <summary>The boot id of the process that runs now.</summary>
    public string Boot => _boots[^1];

    public DateTimeOffset StartedAt => Program.StartedAt;

    /// <summary>What the process that runs now has said.</summary>
    public string Output => Program.Output;

    private ProgramProcess Program => _program ?? throw new InvalidOperationException("It was killed and not started again.");

    /// <param name="environment">Besides PATH and a home of its own.</param>
    /// <param name="configuration">The text of its configuration file.</param>
    public static async Task<ManagerProcess> StartAsync(CancellationToken ct, IReadOnlyDictionary<string, string>? environment = null, string? configuration = null, params string[] arguments)
    {
        var manager = new ManagerProcess(arguments, environment ?? new Dictionary<string, string>(), configuration);
        try
        {
            await manager.StartAgainAsync(ct);
            return manager;
        }
        catch
        {
            await manager.DisposeAsync();
            throw;
        }
    }

    public async Task StartAgainAsync(CancellationToken ct)
    {
        _program = await ProgramProcess.StartAsync(ProgramProcess.Built("ClaudeManager.Cli"), _arguments, _directory, _environment, ct);
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = _program.Address, Timeout = Timeout.InfiniteTimeSpan };
        Api = new ManagerApiClient(_http);
        _boots.Add((await Api.GetServiceAsync(ct)).BootId);
    }

    /// <summary><c>kill -9</c> of the server alone.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        await Program.KillAsync(ct);
        await ForgetProgramAsync();
    }

    /// <summary>Ctrl+C, until it ends; returns its exit code.</summary>
    /// <param name="twice">Once more as soon as it has said that it stops.</param>
    public async Task<int> InterruptAsync(bool twice, CancellationToken ct)
    {
        Program.Interrupt();
        if (twice)
        {
            await Eventually.SeeAsync(() => Program.Output, output => output.Contains("Stopping.", StringComparison.Ordinal), "it says that it stops", ct);
            Program.Interrupt();
        }

        var code = await Program.WaitForExitAsync(ct);
        await ForgetProgramAsync();
        return code;
    }

    /// <summary>Processes that carry the mark of a run of the given boot.</summary>
    public static IReadOnlyList<string> ProcessesOf(string boot)
        => [.. ProcessTable.Snapshot()
            .Where(entry => !entry.IsZombie && RunIdentity.Parse(ProcessTable.VariableOf(entry.Id, RunIdentity.Variable))?.BootId == boot)
            .Select(entry => FormattableString.Invariant($"{entry.Id} {CommandLine(entry.Id)}"))];

    /// <summary>Processes whose command line or environment names the data directory: the server itself, and whatever works for it or was left by one.</summary>
    public IReadOnlyList<string> ProcessesOnData()
        => [.. ProcessTable.Snapshot()
            .Where(entry => !entry.IsZombie && (CommandLine(entry.Id) + ReadOfProcess(entry.Id, "environ")).Contains(Data.Root, StringComparison.Ordinal))
            .Select(entry => FormattableString.Invariant($"{entry.Id} {CommandLine(entry.Id)}"))];

    /// <summary>Reads again with every event of the live feed until it is as wanted.</summary>
    /// <param name="what">For the message when it never is.</param>
    public async Task<T> WaitForAsync<T>(Func<ManagerApiClient, CancellationToken, Task<T>> read, Func<T, bool> wanted, string what, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        T? seen = default;
        try
        {
            // The feed says hello first, so what is already as wanted is seen at once.
            await foreach (var _ in Api.ReadEventsAsync(null, either.Token))
            {
                seen = await read(Api, either.Token);
                if (wanted(seen))
                {
                    return seen;
                }
            }
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            throw new TimeoutException($"Not within {Eventually.Patience}: {what}. Last seen: {seen}\n{_program?.Output}", fault);
        }

        throw new InvalidOperationException($"The live feed ended before {what}. Last seen: {seen}\n{_program?.Output}");
    }

    /// <summary>Approves an item as it is shown now, and returns its run.</summary>
    public async Task<RunDto> ApproveAsync(long workItemId, string? agent, CancellationToken ct)
    {
        var preview = await Api.PreviewApprovalAsync(workItemId, agent, ct);
        var approved = await Api.ApproveAsync(workItemId, new ApproveRequest(preview.Version, preview.PromptSha256, agent), ct);
        return approved.Runs.MaxBy(run => run.Id)!;
    }

    public async Task<RunDetailDto> WaitForEndAsync(long runId, CancellationToken ct)
    {
        var ended = await WaitForAsync((api, token) => api.GetRunAsync(runId, token), run => run.Run.State == RunState.Ended, $"run {runId} ends", ct);
        return ended.Run.EndReason == RunEndReason.Completed
            ? ended
            : throw new InvalidOperationException($"Run {runId} ended by {ended.Run.EndReason}: {ended.Run.EndDetail}\n{string.Join('\n', (await Api.GetRunEventsAsync(runId, 0, 500, ct)).Select(e => $"{e.Attempt} {e.Kind}: {e.Text}"))}\n{Program.Output}");
    }

    public async ValueTask DisposeAsync()
    {
        await ForgetProgramAsync();
        foreach (var process in _boots.SelectMany(ProcessesOf))
        {
            Signals.Send(int.Parse(process.AsSpan(0, process.IndexOf(' ', StringComparison.Ordinal)), null), Signals.Kill);
        }

        Directory.Delete(_directory, recursive: true);
    }

    private async Task ForgetProgramAsync()
    {
        _http?.Dispose();
        if (_program is not null)
        {
            await _program.DisposeAsync();
        }

        _program = null;
    }

    private static string CommandLine(int processId) => ReadOfProcess(processId, "cmdline").Replace('\0', ' ');

    private static string ReadOfProcess(int processId, string what)
    {
        try
        {
            return File.ReadAllText(FormattableString.Invariant($"/proc/{processId}/{what}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended while we looked, or is somebody else's.
            return "";
        }
    }
}
