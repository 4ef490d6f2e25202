using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.RateLimiting;

namespace ClaudeManager.Chaos;

/// <summary>
/// The service as it is deployed in parts: an Api and Workers, each a process with a data directory of its own, on one PostgreSQL and one Redis, which they reach through proxies, and a GitHub that outlives them all.
/// The agent is a program without a sandbox, so it outlives the Worker that started it.
/// </summary>
public sealed class ManagerFleet : IAsyncDisposable
{
    public const string Manager = "acme/manager";
    public const string Bot = "claude-bot";

    /// <summary>May approve by label.</summary>
    public const string Maintainer = "ana";

    // How long it works is in the item's own file, so that it is the same at each attempt.
    private const string Agent =
        """
        cat >/dev/null
        file=$(grep -l '# TODO: ' -- src/*.sh | head -n 1)
        for f in src/*.sh; do
          title=$(sed -n 's/^# TODO: //p' "$f")
          [ -n "$title" ] && grep -qF "$title" "$CLAUDE_MANAGER_PROMPT_FILE" && file=$f
        done
        sleep "$(sed -n 's/^# seconds: //p' "$file")"
        sed '/TODO/d' "$file" >"$file.new" && cat "$file.new" >"$file" && rm "$file.new"
        echo "Done with $file"
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("claude-manager-chaos-").FullName;

    private ManagerFleet(PostgresServer postgres, RedisServer redis, LoopbackGitHub gitHub)
    {
        (Postgres, Redis, GitHub) = (postgres, redis, gitHub);
        Database = FaultProxy.Start(postgres.Port);
        RedisWay = FaultProxy.Start(int.Parse(redis.Address.AsSpan(redis.Address.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture));
    }

    public PostgresServer Postgres { get; }

    public RedisServer Redis { get; }

    public LoopbackGitHub GitHub { get; }

    /// <summary>The way of all programs to PostgreSQL.</summary>
    public FaultProxy Database { get; }

    public FaultProxy RedisWay { get; }

    public Node Api => Apis[0];

    public IReadOnlyList<Node> Apis { get; private set; } = [];

    public IReadOnlyList<Node> Workers { get; private set; } = [];

    public IEnumerable<Node> Nodes => [.. Apis, .. Workers];

    /// <param name="repositories">Names of repositories on GitHub; their commits are the caller's.</param>
    /// <param name="change">Of the configuration file before it is written.</param>
    public static async Task<ManagerFleet> StartAsync(int workers, IReadOnlyList<string> repositories, CancellationToken ct, Action<Dictionary<string, object>>? change = null, int apis = 1)
    {
        var fleet = new ManagerFleet(await PostgresServer.StartAsync(ct), await RedisServer.StartAsync(ct), await LoopbackGitHub.StartAsync(ct));
        try
        {
            await fleet.PrepareAsync(apis, workers, repositories, change, ct);
            await Task.WhenAll(fleet.Nodes.Select(node => node.EnsureStartedAsync(ct)));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Processes that belong to the fleet or to something it started.</summary>
    public IReadOnlyList<string> Processes()
        => [.. ProcessTable.Snapshot()
            .Where(entry => !entry.IsZombie && entry.Id != Environment.ProcessId && ReadOfProcess(entry.Id, "environ").Contains(_directory, StringComparison.Ordinal))
            .Select(entry => FormattableString.Invariant($"{entry.Id} {ReadOfProcess(entry.Id, "cmdline").Replace('\0', ' ')}"))];

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        foreach (var process in Processes())
        {
            Signals.Send(int.Parse(process.AsSpan(0, process.IndexOf(' ', StringComparison.Ordinal)), CultureInfo.InvariantCulture), Signals.Kill);
        }

        await Database.DisposeAsync();
        await RedisWay.DisposeAsync();
        Redis.Thaw();
        await Redis.DisposeAsync();
        await Postgres.DisposeAsync();
        await GitHub.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task PrepareAsync(int apis, int workers, IReadOnlyList<string> repositories, Action<Dictionary<string, object>>? change, CancellationToken ct)
    {
        // GitHub's own limits are another test's: here they would only make the round an hour longer.
        GitHub.Limits = GitHub.Limits with { Core = 1_000_000, RestPointsPerMinute = 1_000_000, ContentPerMinute = 100_000, ContentPerHour = 100_000, Concurrent = 1_000 };
        GitHub.Repository(Manager).Collaborator(Bot, GitHubRole.Write).Collaborator(Maintainer, GitHubRole.Write);
        foreach (var name in repositories)
        {
            GitHub.Repository(name).Collaborator(Bot, GitHubRole.Write);
        }

        // Each open pull request is asked for at each look, by each Worker: more often, and the product's own budget of 900 points a minute is what everything waits for.
        const int pollSeconds = 10;
        var configuration = new Dictionary<string, object>
        {
            ["github"] = new Dictionary<string, object> { ["username"] = "acme", ["managerRepo"] = Manager, ["reposToScan"] = repositories, ["baseUrl"] = GitHub.BaseAddress, ["pollSeconds"] = pollSeconds },
            ["analyzer"] = new Dictionary<string, object> { ["scanForTodos"] = true, ["scanOpenIssues"] = false, ["firstScan"] = "propose", ["schedule"] = "* * * * *", ["maxIssuesPerRepo"] = 100 },
            ["executor"] = new Dictionary<string, object>
            {
                ["defaultExecutor"] = "command:fix",
                ["sandbox"] = "off",
                ["maxConcurrentRuns"] = 4,
                ["maxAttempts"] = 20,
                ["commands"] = new Dictionary<string, object> { ["fix"] = new { program = "sh", args = new[] { "-c", Agent.ReplaceLineEndings("\n") } } },
                ["verify"] = new Dictionary<string, string[][]> { ["*"] = [["sh", "-c", "for f in src/*.sh; do sh \"$f\" || exit 1; done"]] },
            },
        };
        change?.Invoke(configuration);
        var file = Path.Combine(_directory, "manager.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(configuration), ct);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        var environment = new Dictionary<string, string>
        {
            ["CLAUDE_MANAGER_CONFIG"] = file,
            ["GITHUB_TOKEN"] = GitHub.Token(Bot),
            ["CREDENTIAL_ENCRYPTION_KEY"] = Convert.ToBase64String(new byte[16].Concat(Guid.CreateVersion7(DateTimeOffset.UnixEpoch).ToByteArray()).ToArray()),
            ["DATABASE_URL"] = PostgresServer.ConnectionStringAt(Database.Port),
            ["ConnectionStrings__redis"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{RedisWay.Port}"),
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        };
        Apis = [.. Enumerable.Range(1, apis).Select(i => Make(i == 1 ? "api" : FormattableString.Invariant($"api-{i}"), "ClaudeManager.Api"))];
        Workers = [.. Enumerable.Range(1, workers).Select(i => Make(FormattableString.Invariant($"worker-{i}"), "ClaudeManager.Worker"))];
        await MigrateAsync(environment, ct);

        Node Make(string name, string project)
        {
            var directory = Path.Combine(_directory, name);
            return new Node(name, ProgramProcess.Built(project), directory, new Dictionary<string, string>(environment) { ["XDG_STATE_HOME"] = Path.Combine(directory, "state") });
        }
    }

    private async Task MigrateAsync(Dictionary<string, string> environment, CancellationToken ct)
    {
        var start = new ProcessStartInfo(ProgramProcess.Built("ClaudeManager.Cli"), ["db", "migrate"]) { WorkingDirectory = _directory, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["XDG_STATE_HOME"] = Path.Combine(_directory, "cli");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(ct), process.StandardError.ReadToEndAsync(ct));
        await process.WaitForExitAsync(ct);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"db migrate ended with exit code {process.ExitCode}:\n{await output}{await error}");
        }
    }

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
