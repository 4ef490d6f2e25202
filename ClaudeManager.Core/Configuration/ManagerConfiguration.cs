using System.Net;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Configuration;

/// <summary>One immutable version of the operator's configuration. Take <see cref="CurrentConfiguration.Value"/> once per operation and use that.</summary>
public sealed record ManagerConfiguration
{
    public static readonly ManagerConfiguration Default = new();

    /// <summary>Counts accepted versions, from 1.</summary>
    public long Generation { get; init; } = 1;

    /// <summary>development, staging or production.</summary>
    public string Environment { get; init; } = "development";
    public GitHubConfiguration GitHub { get; init; } = new();
    public AnalyzerConfiguration Analyzer { get; init; } = new();
    public ExecutorConfiguration Executor { get; init; } = new();
    public ApprovalsConfiguration Approvals { get; init; } = new();
    public RankingConfiguration Ranking { get; init; } = new();
    public BudgetsConfiguration Budgets { get; init; } = new();
    public SecurityConfiguration Security { get; init; } = new();
    public ServerConfiguration Server { get; init; } = new();
    public NetworkConfiguration Network { get; init; } = new();
    public LoggingConfiguration Logging { get; init; } = new();
    public RetentionConfiguration Retention { get; init; } = new();
    public DatabaseConfiguration Database { get; init; } = new();
    public RedisConfiguration Redis { get; init; } = new();
    public ResilienceConfiguration Resilience { get; init; } = new();
}

public sealed record GitHubConfiguration
{
    public string? Username { get; init; }

    /// <summary><c>owner/name</c> of the repository where issues are filed.</summary>
    public string? ManagerRepo { get; init; }

    /// <summary>The API's address; GitHub Enterprise Server's ends in <c>/api/v3</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.github.com");

    /// <summary>How long one request may take, waiting for its turn not counted.</summary>
    public TimeSpan ApiTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long what people do on GitHub may go unnoticed.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Registered at start: paths of local repositories, or <c>owner/name</c> on GitHub.</summary>
    public IReadOnlyList<string> ReposToScan { get; init; } = [];
}

public sealed record AnalyzerConfiguration
{
    public bool ScanForTodos { get; init; } = true;
    public bool ScanOpenIssues { get; init; }
    public bool ScanDependencies { get; init; }
    public bool ScanRefactorCandidates { get; init; }

    /// <summary>An issue is stale when nothing has happened to it for more than so many days.</summary>
    public int StaleAfterDays { get; init; } = 30;

    /// <summary>Only issues with one of these are called stale; the case does not matter.</summary>
    public IReadOnlyList<string> StaleLabels { get; init; } = ["bug", "help wanted", "good first issue", "enhancement"];

    /// <summary>Where versions of NuGet packages are asked for: the service index of a v3 registry. What a repository names itself is never asked.</summary>
    public Uri NuGetRegistry { get; init; } = new("https://api.nuget.org/v3/index.json");

    /// <summary>Where versions of npm packages are asked for.</summary>
    public Uri NpmRegistry { get; init; } = new("https://registry.npmjs.org/");

    /// <summary>A pattern that ends in <c>:</c> is matched as written; a bare word only as a whole word.</summary>
    public IReadOnlyList<string> TodoPatterns { get; init; } = ["TODO:", "FIXME:", "HACK:", "BUG:", "TODO", "FIXME"];

    /// <summary>Globs. Without <c>/</c>: matched against the file name; with: against the path.</summary>
    public IReadOnlyList<string> ExcludePatterns { get; init; } = ["test_*", "mock_*", ".git/**"];
    public int MaxIssuesPerRepo { get; init; } = 10;
    public int MaxTodosPerFile { get; init; } = 3;

    /// <summary><c>none</c> (default): each finding is a proposal. <c>file</c>, <c>module</c>: those of one file, or of one directory, are one.</summary>
    public string GroupProposals { get; init; } = ProposalGroups.None;
    public int MaxConcurrentScans { get; init; } = 5;
    public TimeSpan ScanTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Cron, five fields.</summary>
    public string Schedule { get; init; } = "0 5 * * *";
    public string TimeZone { get; init; } = "UTC";

    /// <summary><c>preview</c> (default): the first scan of a repository waits for an operator; <c>propose</c>: it does not.</summary>
    public string FirstScan { get; init; } = "preview";

    /// <summary>MB as GitHub measures a repository. Larger ones are mirrored without the content of their history.</summary>
    public int PartialCloneAboveMb { get; init; } = 500;
}

public sealed record ExecutorConfiguration
{
    /// <summary><c>claude-code</c>, <c>claude-flow</c>, <c>mention</c>, or <c>command:NAME</c>.</summary>
    public string DefaultExecutor { get; init; } = "claude-code";
    public IReadOnlyDictionary<string, CommandAgentConfiguration> Commands { get; init; } = new Dictionary<string, CommandAgentConfiguration>();

    /// <summary><c>required</c>, <c>preferred</c> or <c>off</c>; null = required for GitHub repositories, preferred for local ones.</summary>
    public string? Sandbox { get; init; }

    /// <summary><c>none</c> or <c>registries</c>.</summary>
    public string VerifyNetwork { get; init; } = "none";

    /// <summary>Wall time of the agent.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1800);

    /// <summary>No event of the agent for this long ends the run as stalled.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long runs may go on when the service is told to stop.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>When runs may start; empty = always.</summary>
    public IReadOnlyList<RunWindow> Windows { get; init; } = [];
    public int MaxConcurrentRuns { get; init; } = 2;

    /// <summary>What workspaces made ahead of their runs may take together.</summary>
    public int PreparedWorkspacesMb { get; init; } = 1024;
    public int MaxTurns { get; init; } = 50;
    public int MaxAttempts { get; init; } = 3;
    public ClaudeCodeConfiguration ClaudeCode { get; init; } = new();
    public ClaudeFlowConfiguration ClaudeFlow { get; init; } = new();

    /// <summary>The account a <c>mention</c> run mentions, with its <c>@</c>; null: there is no such agent.</summary>
    public string? TerragonUsername { get; init; }
    public MentionConfiguration Mention { get; init; } = new();

    /// <summary>Verify commands by repository name; <c>*</c> for all. Empty: detected at the base commit.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<IReadOnlyList<string>>> Verify { get; init; } = new Dictionary<string, IReadOnlyList<IReadOnlyList<string>>>();
    public PublishConfiguration Publish { get; init; } = new();
}

/// <summary>An operator-defined program as agent: the prompt comes on stdin and in the file named by <c>CLAUDE_MANAGER_PROMPT_FILE</c>.</summary>
public sealed record CommandAgentConfiguration
{
    public required string Program { get; init; }
    public IReadOnlyList<string> Args { get; init; } = [];
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
    public TimeSpan? Timeout { get; init; }
}

public sealed record ClaudeCodeConfiguration
{
    /// <summary>Program name on PATH, or a path.</summary>
    public string Path { get; init; } = "claude";
    public string? Model { get; init; }
    public IReadOnlyList<string> AllowedTools { get; init; } = ["Read", "Edit", "Write", "Glob", "Grep", "Bash(git diff *)", "Bash(git log *)", "Bash(git status *)"];
    public string PermissionMode { get; init; } = "dontAsk";
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}

public sealed record ClaudeFlowConfiguration
{
    /// <summary>Whose options and output are known and tested.</summary>
    public const string TestedVersion = "3.43.0";

    /// <summary>Program name on PATH, or a path.</summary>
    public string Path { get; init; } = "claude-flow";
    public string Version { get; init; } = TestedVersion;

    /// <summary>Whether it may start Claude Code with every permission check off.</summary>
    public bool SkipPermissions { get; init; }
}

/// <summary>How long an agent that is mentioned on an issue may take.</summary>
public sealed record MentionConfiguration
{
    /// <summary>From the mention to a reaction or comment of its account.</summary>
    public TimeSpan Acknowledge { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>From then to its pull request.</summary>
    public TimeSpan PullRequest { get; init; } = TimeSpan.FromHours(4);
}

public sealed record PublishConfiguration
{
    public string AuthorName { get; init; } = "Claude Manager";
    public string AuthorEmail { get; init; } = "claude-manager@localhost";
    public bool SignOff { get; init; }

    /// <summary>Where pull requests go; null = the branch the repository is scanned on.</summary>
    public string? BaseBranch { get; init; }

    /// <summary>Logins of people who are asked to review each pull request.</summary>
    public IReadOnlyList<string> Reviewers { get; init; } = [];
}

public sealed record ApprovalsConfiguration
{
    /// <summary>How long an approval stays valid.</summary>
    public TimeSpan Validity { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Paths an agent's diff may not touch without an approver letting it through.</summary>
    public IReadOnlyList<string> ProtectedPaths { get; init; } =
        [".github/**", ".gitlab-ci.yml", ".circleci/**", "azure-pipelines.yml", "Jenkinsfile", "**/CODEOWNERS", ".claude/**", "**/CLAUDE.md", ".mcp.json", ".cursor/**", "**/AGENTS.md", ".git*/**", "**/.gitattributes", "**/.gitmodules"];
    public int MaxDiffLines { get; init; } = 2000;
    public int MaxDiffFiles { get; init; } = 100;
}

/// <summary>The constants of the score (product §4): each term is a value from 0 to 1 times its weight; the sum is mapped to 1–10.</summary>
public sealed record RankingConfiguration
{
    public double KindWeight { get; init; } = 3.0;
    public double ImpactWeight { get; init; } = 2.5;
    public double UrgencyWeight { get; init; } = 2.5;
    public double ComplexityWeight { get; init; } = 1.0;
    public double HistoryWeight { get; init; } = 1.0;
}

public sealed record BudgetsConfiguration
{
    public decimal PerRunUsd { get; init; } = 5;
    public decimal PerRepositoryPerDayUsd { get; init; } = 25;
    public decimal PerDayUsd { get; init; } = 100;
    public decimal PerMonthUsd { get; init; } = 1000;
}

public sealed record ServerConfiguration
{
    public string Host { get; init; } = "127.0.0.1";
    public int Port { get; init; } = 8080;

    /// <summary>Believed about the client's address, besides this machine.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>Clients without limits, besides this machine.</summary>
    public IReadOnlyList<IPNetwork> AllowList { get; init; } = [];
}

public sealed record SecurityConfiguration
{
    public RateLimitingConfiguration RateLimiting { get; init; } = new();
}

/// <summary>What a client may ask of us; see <c>RateLimiting/Inbound</c>.</summary>
public sealed record RateLimitingConfiguration
{
    public bool Enabled { get; init; } = true;
    public int MaxRequestsPerMinute { get; init; } = 60;
    public int BurstCapacity { get; init; } = 10;
    public TimeSpan BlockDuration { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>The third violation within it blocks.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(60);
}

public sealed record NetworkConfiguration
{
    public string? Proxy { get; init; }
    public string? NoProxy { get; init; }
    public string? CaBundle { get; init; }
}

public sealed record LoggingConfiguration
{
    /// <summary>DEBUG, INFO, WARNING, ERROR or CRITICAL.</summary>
    public string Level { get; init; } = "INFO";
}

public sealed record RetentionConfiguration
{
    public int RunEventsDays { get; init; } = 90;
    public int EventsDays { get; init; } = 14;
}

public sealed record DatabaseConfiguration
{
    /// <summary><c>sqlite</c> or <c>postgresql</c>; null = as the connection string says, SQLite without one.</summary>
    public string? Type { get; init; }

    /// <summary>A secret, because a password may be in it. Null: the SQLite file in the data directory.</summary>
    public SecretString? ConnectionString { get; init; }
    public int MinConnections { get; init; } = 5;
    public int MaxConnections { get; init; } = 20;

    /// <summary>How long opening a connection may take.</summary>
    public TimeSpan ConnectionTimeout { get; init; } = TimeSpan.FromSeconds(30);
}

public sealed record RedisConfiguration
{
    /// <summary>As StackExchange.Redis writes it (<c>host:6379,password=…,ssl=true</c>). A secret, because a password may be in it. Null: limits are kept in the process.</summary>
    public SecretString? Connection { get; init; }

    /// <summary>What every key begins with there; deployments that share a Redis have different ones.</summary>
    public string KeyPrefix { get; init; } = "claude-manager";
}

/// <summary>How each upstream is called.</summary>
public sealed record ResilienceConfiguration
{
    /// <summary>An attempt may take <c>github.apiTimeout</c>.</summary>
    public UpstreamConfiguration GitHub { get; init; } = new() { Attempts = 3, TotalTimeout = TimeSpan.FromSeconds(100), Concurrency = 50, MinimumThroughput = 10, Window = TimeSpan.FromSeconds(30), Break = TimeSpan.FromSeconds(15) };

    /// <summary>A clone may take long; one that does not move is ended by git itself.</summary>
    public UpstreamConfiguration Git { get; init; } = new()
    {
        Attempts = 2,
        TotalTimeout = TimeSpan.FromHours(2),
        AttemptTimeout = TimeSpan.FromHours(1),
        Concurrency = 8,
        MinimumThroughput = 6,
        Window = TimeSpan.FromMinutes(2),
        Break = TimeSpan.FromSeconds(30),
    };

    /// <summary>Agents repeat their requests themselves, and streams last: only the wait for an answer to begin is bounded. An answer that is not streamed begins when it is whole.</summary>
    public UpstreamConfiguration ModelApi { get; init; } = new()
    {
        Attempts = 1,
        TotalTimeout = Timeout.InfiniteTimeSpan,
        AttemptTimeout = TimeSpan.FromMinutes(10),
        Concurrency = 50,
        MinimumThroughput = 6,
        Window = TimeSpan.FromMinutes(1),
        Break = TimeSpan.FromSeconds(15),
    };

    public UpstreamConfiguration Registry { get; init; } = new()
    {
        Attempts = 2,
        TotalTimeout = TimeSpan.FromSeconds(45),
        AttemptTimeout = TimeSpan.FromSeconds(20),
        Concurrency = 8,
        MinimumThroughput = 10,
        Window = TimeSpan.FromSeconds(30),
        Break = TimeSpan.FromSeconds(30),
    };

    /// <summary>An attempt to connect may take <c>database.connection_timeout</c>. The break is short: leases end while nobody asks.</summary>
    public UpstreamConfiguration Database { get; init; } = new() { Attempts = 2, TotalTimeout = TimeSpan.FromSeconds(60), Concurrency = 100, MinimumThroughput = 10, Window = TimeSpan.FromSeconds(10), Break = TimeSpan.FromSeconds(1) };
}

/// <summary>From outside in: total time-out, retry, circuit breaker, concurrency limit, attempt time-out.</summary>
public sealed record UpstreamConfiguration
{
    /// <summary>How often a call that may be repeated is made at most, the first time included.</summary>
    public int Attempts { get; init; }

    /// <summary>For all attempts and the waits between them; waiting for a turn under a limit of ours is not counted.</summary>
    public TimeSpan TotalTimeout { get; init; }

    /// <summary>For one attempt; null where another setting says it.</summary>
    public TimeSpan? AttemptTimeout { get; init; }

    /// <summary>Calls under way at once, per host.</summary>
    public int Concurrency { get; init; }

    /// <summary>The breaker opens when so many of the calls in a window fail.</summary>
    public double FailureRatio { get; init; } = 0.5;

    /// <summary>Fewer calls in a window open nothing.</summary>
    public int MinimumThroughput { get; init; }

    public TimeSpan Window { get; init; }

    /// <summary>How long an open breaker refuses calls before it tries one.</summary>
    public TimeSpan Break { get; init; }
}
