using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Configuration;

/// <summary>Every key of <c>config.json</c>.</summary>
internal static partial class ConfigurationKeys
{
    private static readonly FlagType s_flag = new();
    private static readonly TextType s_glob = new("a glob", "vendor/**", Maximum: 256);
    private static readonly TextType s_credential = new("the name of a stored credential", "github-app", Maximum: 100, Pattern: CredentialName());
    private static readonly TextType s_url = new("an http or https address", "https://example.com", Maximum: 2048, AlsoRefused: text => !IsHttpUrl(text));
    private static readonly TextType s_file = new("a path", "/opt/claude/bin/claude");
    private static readonly TextType s_word = new("text", "text");
    private static readonly TextType s_network = new("an address or a network", "10.0.0.0/8", AlsoRefused: text => !TryNetwork(text, out _));
    private static readonly RealType s_weight = new(0, 100);
    private static readonly RealType s_usd = new(0, 1_000_000, AboveMinimum: true);
    private static readonly StructureType s_list = new(NodeKind.Array);
    private static readonly StructureType s_object = new(NodeKind.Object);

    public static IReadOnlyList<KeyDefinition> All { get; } =
    [
        new("$schema", s_word, "", "Lets editors complete and check the file.", null),

        GitHub("username", new TextType("a GitHub user name", "octocat", 1, 39, UserName()), "", "Whose repositories these are. Required once a GitHub repository or `github.managerRepo` is given.",
            (g, v) => g with { Username = v.Text }),
        GitHub("managerRepo", new TextType("a repository as owner/name", "octocat/manager", 3, 140, FullName(), HasDotName), "", "Where issues are filed. Required once a GitHub repository is given.",
            (g, v) => g with { ManagerRepo = v.Text }),
        GitHub("reposToScan", new ListType(new TextType("a repository as owner/name, or a path", "octocat/hello-world", AlsoRefused: text => !IsPath(text) && (!FullName().IsMatch(text) || HasDotName(text))), 1),
            "", "Repositories: a path (`/…`, `./…`, `~/…`, `C:\\…`) or `owner/name` on GitHub. They are registered at start and by `claude-manager scan`; one that was removed by a person stays so.", (g, v) => g with { ReposToScan = v.Texts }),
        GitHub("apiTimeout", new WholeType(1, 300), "30", "Seconds a request to GitHub may take.", (g, v) => g with { ApiTimeout = v.Seconds }),
        GitHub("pollSeconds", new WholeType(1, 3600), "60", "Seconds between two looks at what people did to issues and pull requests.", (g, v) => g with { PollInterval = v.Seconds }),
        GitHub("baseUrl", s_url, "\"https://api.github.com\"", "GitHub Enterprise Server's API. Plain http only on loopback.", (g, v) => g with { BaseUrl = new Uri(v.Text) }),
        Later("github.app.appId", new WholeType(1, int.MaxValue), "", "GitHub App, instead of a token."),
        Later("github.app.installationId", new WholeType(1, int.MaxValue), "", "Its installation."),
        Later("github.app.privateKeyCredential", s_credential, "", "Stored credential with its private key."),
        Later("github.budget.max_requests", new WholeType(100, 50000), "5000", "Requests to GitHub per window."),
        Later("github.budget.window_seconds", new WholeType(60, 86400), "3600", "Length of that window."),
        Later("github.webhookSecrets", new ListType(s_credential, 0, 2), "[]", "Stored credentials with the webhook secrets; two may be valid. None: webhooks are refused."),

        Analyzer("scanForTodos", s_flag, "true", "Look for TODO comments. Required in a file with GitHub repositories.", (a, v) => a with { ScanForTodos = v.Flag }),
        Analyzer("scanOpenIssues", s_flag, "false", "Look for stale issues of GitHub repositories. Required in a file with GitHub repositories.", (a, v) => a with { ScanOpenIssues = v.Flag }),
        Analyzer("scanDependencies", s_flag, "false", "Look for outdated dependencies (NuGet, npm). The names of the packages a repository uses are sent to the registries below.", (a, v) => a with { ScanDependencies = v.Flag }),
        Analyzer("scanRefactorCandidates", s_flag, "false", "Look for files far larger and more often changed than the others of their repository.", (a, v) => a with { ScanRefactorCandidates = v.Flag }),
        Analyzer("registries.nuget", s_url, "\"https://api.nuget.org/v3/index.json\"", "Registry (v3 service index) that is asked for versions of NuGet packages. A registry named in a repository is never asked. Plain http only on loopback.",
            (a, v) => a with { NuGetRegistry = new Uri(v.Text) }),
        Analyzer("registries.npm", s_url, "\"https://registry.npmjs.org/\"", "Registry that is asked for versions of npm packages. Plain http only on loopback.", (a, v) => a with { NpmRegistry = new Uri(v.Text) }),
        Analyzer("maxIssuesPerRepo", new WholeType(1, 100), "10", "Open proposals per repository.", (a, v) => a with { MaxIssuesPerRepo = v.Whole }),
        Analyzer("maxTodosPerFile", new WholeType(1, 100), "3", "Proposals per file.", (a, v) => a with { MaxTodosPerFile = v.Whole }),
        Analyzer("groupProposals", new ChoiceType(ProposalGroups.None, ProposalGroups.File, ProposalGroups.Module), "\"none\"",
            "`none`: each finding is a proposal. `file`, `module`: what one scanner found in one file, or in one directory, is one proposal of up to 10 findings. What is proposed already stays as it is.", (a, v) => a with { GroupProposals = v.Text }),
        Analyzer("todoPatterns", new ListType(new TextType("a marker", "TODO:", 1, 64), 1, 50), """["TODO:", "FIXME:", "HACK:", "BUG:", "TODO", "FIXME"]""",
            "Markers. One that ends in `:` is matched as written, a bare word only as a whole word.", (a, v) => a with { TodoPatterns = v.Texts }),
        Analyzer("excludePatterns", new ListType(s_glob), """["test_*", "mock_*", ".git/**"]""", "Files that are not scanned. Without `/` a glob is matched against the file name, with `/` against the path.",
            (a, v) => a with { ExcludePatterns = v.Texts }),
        Analyzer("staleAfterDays", new WholeType(1, 3650), "30", "An open issue without activity for more days than this is stale.", (a, v) => a with { StaleAfterDays = v.Whole }),
        Analyzer("staleLabels", new ListType(new TextType("a label", "bug", 1, 50)), """["bug", "help wanted", "good first issue", "enhancement"]""", "Only issues with one of these labels are called stale; upper and lower case are the same.",
            (a, v) => a with { StaleLabels = v.Texts }),
        Later("analyzer.cleanupTasksOlderThanDays", new WholeType(1, int.MaxValue), "90", "Finished items older than this are removed."),
        Analyzer("maxConcurrentScans", new WholeType(1, 64), "5", "Repositories scanned at once.", (a, v) => a with { MaxConcurrentScans = v.Whole }),
        Analyzer("scanTimeoutSeconds", new WholeType(10, 3600), "300", "Time one scan may take.", (a, v) => a with { ScanTimeout = v.Seconds }),
        Analyzer("schedule", new TextType("a cron expression with five fields", "0 5 * * *", Maximum: 100), "\"0 5 * * *\"", "When everything is scanned.", (a, v) => a with { Schedule = v.Text }),
        Analyzer("timeZone", new TextType("a time zone", "Europe/Zurich", Maximum: 64), "\"UTC\"", "Time zone of the schedule.", (a, v) => a with { TimeZone = v.Text }),
        Analyzer("firstScan", new ChoiceType("preview", "propose"), "\"preview\"", "`preview`: what the first scan of a repository finds waits for an operator. `propose`: it does not.", (a, v) => a with { FirstScan = v.Text }),
        Analyzer("partialCloneAboveMb", new WholeType(1, int.MaxValue), "500", "Larger repositories are cloned without their history's content.", (a, v) => a with { PartialCloneAboveMb = v.Whole }),

        Executor("terragonUsername", new TextType("a mention", "@terragon-labs", 2, 100, Mention()), "", "Whom the `mention` executor mentions; required by it.", (e, v) => e with { TerragonUsername = v.Text }),
        Executor("mention.acknowledgeSeconds", new WholeType(60, 86400), "900", "How long a mentioned agent may take to react or to comment.", (e, v) => e with { Mention = e.Mention with { Acknowledge = v.Seconds } }),
        Executor("mention.pullRequestSeconds", new WholeType(300, 604800), "14400", "How long it may then take to open a pull request.", (e, v) => e with { Mention = e.Mention with { PullRequest = v.Seconds } }),
        Executor("defaultExecutor", new TextType("`claude-code`, `claude-flow`, `mention` (alias `terragon`) or `command:NAME`", "claude-code", Pattern: ExecutorName()), "\"claude-code\"",
            "Who works on an item that names nobody. In a Gen-1 file the default is `mention`.", (e, v) => e with { DefaultExecutor = v.Text == "terragon" ? "mention" : v.Text }),
        Command("program", new TextType("a program", "prettier"), "", "Program on PATH, or a path. Required.", (c, v) => c with { Program = v.Text }),
        Command("args", new ArgumentsType(), "[]", "Its arguments, passed as they are; there is no shell.", (c, v) => c with { Args = v.Texts }),
        Command("environment", new MapType("NAME", new TextType("text", "1", 0)), "{}", "Variables it gets besides the allowed ones. No secrets.", (c, v) => c with { Environment = Texts(v) }),
        Command("timeout", new WholeType(60, 86400), "", "Seconds it may take; else `executor.timeout`.", (c, v) => c with { Timeout = v.Seconds }),
        Executor("sandbox", new ChoiceType("required", "preferred", "off"), "", "Containment in namespaces. Default: `required` for GitHub repositories, `preferred` for local ones.", (e, v) => e with { Sandbox = v.Text }),
        Executor("verifyNetwork", new ChoiceType("none", "registries"), "\"none\"", "What verification may reach.", (e, v) => e with { VerifyNetwork = v.Text }),
        Executor("windows", new ListType(new WindowType()), "[]", "When runs may start; none: always. One that ends at or before its start lasts over midnight. A run under way goes on when its window closes; one that has to start again waits.",
            (e, v) => e with { Windows = [.. v.Items.Select(WindowType.Read)] }),
        Publish("author", new TextType("an author as Name <address>", "Claude Manager <bot@example.com>", 3, 200, Author()), "\"Claude Manager <claude-manager@localhost>\"", "Author of the commits.",
            (p, v) => p with { AuthorName = v.Text[..v.Text.LastIndexOf('<')].Trim(), AuthorEmail = v.Text[(v.Text.LastIndexOf('<') + 1)..^1] }),
        Publish("signOff", s_flag, "false", "Adds `Signed-off-by`.", (p, v) => p with { SignOff = v.Flag }),
        Later("executor.publish.signingKeyCredential", s_credential, "", "Stored credential with the key that signs commits."),
        Publish("baseBranch", s_word, "", "Branch pull requests go to. Default: the repository's.", (p, v) => p with { BaseBranch = v.Text }),
        Publish("reviewers", new ListType(s_word), "[]", "Logins of people who are asked to review.", (p, v) => p with { Reviewers = v.Texts }),
        Executor("timeout", new WholeType(60, 86400), "1800", "Seconds an agent may work. In a Gen-1 file the default is 300.", (e, v) => e with { Timeout = v.Seconds }),
        Executor("stallSeconds", new WholeType(10, 86400), "300", "An agent that says nothing for so long has stalled.", (e, v) => e with { Stall = v.Seconds }),
        Executor("stopGraceSeconds", new WholeType(0, 3600), "10", "When the service is told to stop, runs may go on for so long; then they are parked and go on from their saved work. Agents need up to 15 s more to end.",
            (e, v) => e with { StopGrace = v.Seconds }),
        Executor("maxConcurrentRuns", new WholeType(1, 1000), "2", "Runs at once, in the whole fleet.", (e, v) => e with { MaxConcurrentRuns = v.Whole }),
        Executor("preparedWorkspacesMb", new WholeType(0, 1_000_000), "1024", "Megabytes of workspaces kept ready for the next run, so that an approved run starts at once. 0: none.",
            (e, v) => e with { PreparedWorkspacesMb = v.Whole }),
        Executor("maxTurns", new WholeType(1, 10000), "50", "Turns of a model in one run.", (e, v) => e with { MaxTurns = v.Whole }),
        Executor("maxAttempts", new WholeType(1, 20), "3", "Attempts at a run that failed for reasons outside it.", (e, v) => e with { MaxAttempts = v.Whole }),
        ClaudeCode("path", s_file, "\"claude\"", "Program on PATH, or a path.", (c, v) => c with { Path = v.Text }),
        ClaudeCode("model", s_word, "", "Default: the program's own.", (c, v) => c with { Model = v.Text }),
        ClaudeCode("allowedTools", new ListType(s_word), """["Read", "Edit", "Write", "Glob", "Grep", "Bash(git diff *)", "Bash(git log *)", "Bash(git status *)"]""",
            "Tools the agent may use unasked.", (c, v) => c with { AllowedTools = v.Texts }),
        ClaudeCode("permissionMode", new ChoiceType("dontAsk", "default", "acceptEdits", "plan", "bypassPermissions"), "\"dontAsk\"", "What happens to the other tools.", (c, v) => c with { PermissionMode = v.Text }),
        ClaudeCode("environment", new MapType("NAME", new TextType("text", "1", 0)), "{}", "Variables it gets besides the allowed ones. No secrets.", (c, v) => c with { Environment = Texts(v) }),
        Later("executor.claudeCode.apiKeyCredential", s_credential, "", "Stored credential with the model's key. Until then: `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN`."),
        ClaudeFlow("path", s_file, "\"claude-flow\"", "Program on PATH, or a path.", (c, v) => c with { Path = v.Text }),
        ClaudeFlow("version", s_word, $"\"{ClaudeFlowConfiguration.TestedVersion}\"", "The version it must have; another one is refused.", (c, v) => c with { Version = v.Text }),
        ClaudeFlow("skipPermissions", s_flag, "false", "Runs it without asking for permissions.", (c, v) => c with { SkipPermissions = v.Flag }),
        Executor("verify", new MapType("repository or `*`", new CommandsType()), "", "Commands that must pass, as argument lists. Default: detected at the base commit.",
            (e, v) => e with { Verify = v.Members.ToDictionary(m => m.Name, m => (IReadOnlyList<IReadOnlyList<string>>)[.. m.Value.Items.Select(i => i.Texts)]) }),

        Later("approvals.rules", s_list, "", "Paths, labels and size → approvers, tools, budget. Until then: one approver."),
        Approvals("validityDays", new WholeType(1, 365), "7", "How long an approval is good for.", (a, v) => a with { Validity = TimeSpan.FromDays(v.Whole) }),
        Approvals("protectedPaths", new ListType(s_glob), """[".github/**", ".gitlab-ci.yml", ".circleci/**", "azure-pipelines.yml", "Jenkinsfile", "**/CODEOWNERS", ".claude/**", "**/CLAUDE.md", ".mcp.json", ".cursor/**", "**/AGENTS.md", ".git*/**", "**/.gitattributes", "**/.gitmodules"]""",
            "What a change may not touch.", (a, v) => a with { ProtectedPaths = v.Texts }),
        Approvals("maxDiffLines", new WholeType(1, 1_000_000), "2000", "Lines a change may have.", (a, v) => a with { MaxDiffLines = v.Whole }),
        Approvals("maxDiffFiles", new WholeType(1, 100_000), "100", "Files a change may touch.", (a, v) => a with { MaxDiffFiles = v.Whole }),

        Ranking("kindWeight", "3.0", "Weight of the kind of work.", (r, v) => r with { KindWeight = (double)v.Real }),
        Ranking("impactWeight", "2.5", "Weight of the impact.", (r, v) => r with { ImpactWeight = (double)v.Real }),
        Ranking("urgencyWeight", "2.5", "Weight of the urgency.", (r, v) => r with { UrgencyWeight = (double)v.Real }),
        Ranking("complexityWeight", "1.0", "Weight of the complexity.", (r, v) => r with { ComplexityWeight = (double)v.Real }),
        Ranking("historyWeight", "1.0", "Weight of what became of similar work.", (r, v) => r with { HistoryWeight = (double)v.Real }),

        Budgets("perRunUsd", "5", "US dollars one run may cost.", (b, v) => b with { PerRunUsd = v.Real }),
        Later("budgets.perRepositoryPerDayUsd", s_usd, "25", "US dollars per repository and day.", (c, v, _) => c with { Budgets = c.Budgets with { PerRepositoryPerDayUsd = v.Real } }),
        Later("budgets.perDayUsd", s_usd, "100", "US dollars per day.", (c, v, _) => c with { Budgets = c.Budgets with { PerDayUsd = v.Real } }),
        Later("budgets.perMonthUsd", s_usd, "1000", "US dollars per month.", (c, v, _) => c with { Budgets = c.Budgets with { PerMonthUsd = v.Real } }),

        Later("performance.monitoringEnabled", s_flag, "true", "Keep figures."),
        Later("performance.retentionDays", new WholeType(1, 365), "30", "How long."),
        Later("performance.maxOperations", new WholeType(1000, 100_000), "10000", "How many operations are kept in memory."),
        Later("performance.alertThresholds.durationSeconds", new RealType(0.1m, 3600), "30", "An operation slower than this raises an alert."),
        Later("performance.alertThresholds.errorRate", new RealType(0.01m, 1), "0.1", "A higher rate of errors raises an alert."),

        RateLimiting("enabled", s_flag, "true", "Limit what clients ask of the API. This machine and `server.allowList` have no limits.", (l, v) => l with { Enabled = v.Flag }),
        RateLimiting("max_requests_per_minute", new WholeType(1, 10_000), "60", "Requests per client and minute, whatever they ask for; a quarter of them may be scans and previews.", (l, v) => l with { MaxRequestsPerMinute = v.Whole }),
        RateLimiting("burst_capacity", new WholeType(1, 100), "10", "Requests at once.", (l, v) => l with { BurstCapacity = v.Whole }),
        RateLimiting("block_duration_minutes", new WholeType(1, 1440), "30", "How long a client is shut out; twice as long each time it comes back within a day, up to a day.", (l, v) => l with { BlockDuration = TimeSpan.FromMinutes(v.Whole) }),
        RateLimiting("window_seconds", new WholeType(1, 86400), "60", "The third violation within so many seconds shuts the client out.", (l, v) => l with { Window = v.Seconds }),
        Later("security.authentication.session_timeout_minutes", new WholeType(5, 1440), "480", "A session unused for so long ends."),
        Later("security.authentication.max_login_attempts", new WholeType(1, 10), "5", "Failures that lock an account."),
        Later("security.authentication.lockout_minutes", new WholeType(1, 1440), "30", "How long it stays locked."),
        Later("security.authentication.require_2fa", s_flag, "false", "Everybody needs a second factor."),
        Later("security.authentication.session_binding", new ChoiceType("off", "step_up", "strict"), "\"step_up\"", "What happens to a session used from elsewhere."),
        Later("security.input_validation.enabled", s_flag, "true", "Validate input strictly."),
        Later("security.input_validation.max_input_length", new WholeType(100, 100_000), "65536", "Longest text taken."),
        Later("security.input_validation.allow_html", s_flag, "false", "Let HTML through."),
        Later("security.input_validation.strict_mode", s_flag, "true", "Refuse what looks like an attack."),
        Later("security.oidc", s_object, "", "OpenID Connect. Default: off."),
        Later("security.allowed_origins", new ListType(s_url), "[]", "Origins that may call the API from a browser."),
        Later("security.csrf_protection", s_flag, "true", "Protect writes of browsers."),
        Later("security.audit.retention_days", new WholeType(30, 3650), "365", "How long the audit log is kept."),
        Later("security.audit.anchor_minutes", new WholeType(1, 1440), "5", "How often it is anchored outside the database."),

        Server("host", new TextType("an address to listen on", "127.0.0.1", Maximum: 255), "\"127.0.0.1\"", "Address to listen on; loopback only while there is no sign-in.", (s, v) => s with { Host = v.Text }),
        Server("port", new WholeType(0, 65535), "8080", "Port; 0 = any free one.", (s, v) => s with { Port = v.Whole }),
        Later("server.publicUrl", s_url, "", "Address people use."),
        Server("trustedProxies", new ListType(s_network), "[]", "Proxies that are believed about the client's address (`X-Forwarded-For`), besides this machine: addresses and networks.", (s, v) => s with { TrustedProxies = Networks(v) }),
        Server("allowList", new ListType(s_network), "[]", "Clients that are never limited, besides this machine: addresses and networks.", (s, v) => s with { AllowList = Networks(v) }),

        Network("proxy", new TextType("a proxy's address", "http://proxy.example:3128", Maximum: 2048), "", "Proxy for everything that goes out. Default: `HTTPS_PROXY`.", (n, v) => n with { Proxy = v.Text }),
        Network("noProxy", new TextType("hosts separated by commas", "localhost,.example.com"), "", "Hosts reached directly. Default: `NO_PROXY`.", (n, v) => n with { NoProxy = v.Text }),
        Network("caBundle", s_file, "", "File with more certificate authorities. Default: `SSL_CERT_FILE`.", (n, v) => n with { CaBundle = v.Text }),

        Later("health.remediation", s_flag, "true", "Repair what can be repaired."),

        Retention("runEventsDays", new WholeType(1, 3650), "90", "How long transcripts are kept.", (r, v) => r with { RunEventsDays = v.Whole }),
        Retention("eventsDays", new WholeType(1, 365), "14", "How long the live feed can be resumed.", (r, v) => r with { EventsDays = v.Whole }),
        Later("retention.healthRawDays", new WholeType(1, 365), "7", "How long single health results are kept."),
        Later("retention.healthHourlyDays", new WholeType(1, 3650), "90", "How long hourly ones are."),

        Logging("level", new ChoiceType("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "\"INFO\"", "Least severe entry that is written.", (l, v) => l with { Level = v.Text }),
        Later("logging.format", new ChoiceType("json", "text"), "\"json\"", "Form of an entry."),
        Later("logging.directory", s_file, "", "Default: `logs` under the data directory."),
        Later("logging.file_rotation.max_size_mb", new WholeType(1, 1000), "100", "A file larger than this is closed."),
        Later("logging.file_rotation.backup_count", new WholeType(1, 10), "5", "How many closed files are kept."),
        Later("logging.structured_logging", s_flag, "true", "Entries as data."),
        Later("logging.performance_logging", s_flag, "true", "Write figures too."),
        Later("logging.security_logging", s_flag, "true", "Write security events too."),

        Database("type", new ChoiceType("sqlite", "postgresql"), "\"sqlite\"", "A PostgreSQL connection string implies it.", (d, v) => d with { Type = v.Text }),
        Database("connection_string", new TextType("a connection string", "Host=db;Database=claudemanager;Username=manager"), "", "`postgres://…` or key=value; no password in the file (use `DATABASE_URL`). Default: a SQLite file in the data directory.",
            (d, v) => d with { ConnectionString = new SecretString(v.Text) }),
        Database("pool_settings.min_connections", new WholeType(0, 1000), "5", "Connections kept open (PostgreSQL).", (d, v) => d with { MinConnections = v.Whole }),
        Database("pool_settings.max_connections", new WholeType(1, 1000), "20", "Connections at most (PostgreSQL).", (d, v) => d with { MaxConnections = v.Whole }),
        Database("pool_settings.connection_timeout", new WholeType(1, 300), "30", "Seconds to wait for one (PostgreSQL).", (d, v) => d with { ConnectionTimeout = v.Seconds }),
        Later("database.backup_settings.enabled", s_flag, "true", "Back the SQLite file up."),
        Later("database.backup_settings.frequency_hours", new WholeType(1, 168), "24", "How often."),
        Later("database.backup_settings.retention_days", new WholeType(1, 365), "30", "How long backups are kept."),

        Redis("connection", new TextType("a connection string of Redis", "redis:6379"), "", "Redis for limits shared by replicas (`host:port,ssl=true`); no password in the file (use `ConnectionStrings__redis`). Default: in the process.",
            (r, v) => r with { Connection = new SecretString(v.Text) }),
        Redis("key_prefix", new TextType("a prefix of letters, digits and `.`, `_`, `-`", "claude-manager-staging", 1, 64, CredentialName()), "\"claude-manager\"", "What every key begins with there.", (r, v) => r with { KeyPrefix = v.Text }),

        .. Upstream("github", "GitHub's API", ManagerConfiguration.Default.Resilience.GitHub, (r, change) => r with { GitHub = change(r.GitHub) }),
        .. Upstream("git", "git's own traffic with GitHub", ManagerConfiguration.Default.Resilience.Git, (r, change) => r with { Git = change(r.Git) }),
        .. Upstream("model-api", "the API of the models, on behalf of agents", ManagerConfiguration.Default.Resilience.ModelApi, (r, change) => r with { ModelApi = change(r.ModelApi) }),
        .. Upstream("registry", "package registries", ManagerConfiguration.Default.Resilience.Registry, (r, change) => r with { Registry = change(r.Registry) }),
        .. Upstream("database", "opening connections to PostgreSQL", ManagerConfiguration.Default.Resilience.Database, (r, change) => r with { Database = change(r.Database) }),

        Later("notifications", s_list, "[]", "Who is told what."),
    ];

    public static KeyTree Tree { get; } = KeyTree.Build(All);

    /// <summary>A place in the file system rather than <c>owner/name</c>.</summary>
    internal static bool IsPath(string text)
        => text is "." or ".." or "~" || text.StartsWith('/') || text.StartsWith('\\') || text.StartsWith("./", StringComparison.Ordinal) || text.StartsWith("../", StringComparison.Ordinal)
           || text.StartsWith("~/", StringComparison.Ordinal) || (text.Length > 2 && char.IsAsciiLetter(text[0]) && text[1] == ':' && text[2] is '\\' or '/');

    internal static bool IsHttpUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps);

    private static bool HasDotName(string text) => text.EndsWith("/.", StringComparison.Ordinal) || text.EndsWith("/..", StringComparison.Ordinal) || text.IndexOf('/', StringComparison.Ordinal) > 39;

    private static Dictionary<string, string> Texts(ConfigurationNode node) => node.Members.ToDictionary(m => m.Name, m => m.Value.Text);

    private static KeyDefinition Later(string path, KeyType type, string defaults, string documentation, ApplyValue? apply = null) => new(path, type, defaults, documentation, apply) { HasEffect = false };

    private static KeyDefinition GitHub(string key, KeyType type, string defaults, string documentation, Func<GitHubConfiguration, ConfigurationNode, GitHubConfiguration> apply)
        => new("github." + key, type, defaults, documentation, (c, v, _) => c with { GitHub = apply(c.GitHub, v) });

    private static KeyDefinition Analyzer(string key, KeyType type, string defaults, string documentation, Func<AnalyzerConfiguration, ConfigurationNode, AnalyzerConfiguration> apply)
        => new("analyzer." + key, type, defaults, documentation, (c, v, _) => c with { Analyzer = apply(c.Analyzer, v) });

    private static KeyDefinition Executor(string key, KeyType type, string defaults, string documentation, Func<ExecutorConfiguration, ConfigurationNode, ExecutorConfiguration> apply)
        => new("executor." + key, type, defaults, documentation, (c, v, _) => c with { Executor = apply(c.Executor, v) });

    private static KeyDefinition ClaudeCode(string key, KeyType type, string defaults, string documentation, Func<ClaudeCodeConfiguration, ConfigurationNode, ClaudeCodeConfiguration> apply)
        => Executor("claudeCode." + key, type, defaults, documentation, (e, v) => e with { ClaudeCode = apply(e.ClaudeCode, v) });

    private static KeyDefinition ClaudeFlow(string key, KeyType type, string defaults, string documentation, Func<ClaudeFlowConfiguration, ConfigurationNode, ClaudeFlowConfiguration> apply)
        => Executor("claudeFlow." + key, type, defaults, documentation, (e, v) => e with { ClaudeFlow = apply(e.ClaudeFlow, v) });

    private static KeyDefinition Publish(string key, KeyType type, string defaults, string documentation, Func<PublishConfiguration, ConfigurationNode, PublishConfiguration> apply)
        => Executor("publish." + key, type, defaults, documentation, (e, v) => e with { Publish = apply(e.Publish, v) });

    private static KeyDefinition Command(string key, KeyType type, string defaults, string documentation, Func<CommandAgentConfiguration, ConfigurationNode, CommandAgentConfiguration> apply)
        => new("executor.commands.*." + key, type, defaults, documentation, (c, v, names) =>
        {
            var commands = new Dictionary<string, CommandAgentConfiguration>(c.Executor.Commands);
            commands[names[0]] = apply(commands.GetValueOrDefault(names[0]) ?? new CommandAgentConfiguration { Program = "" }, v);
            return c with { Executor = c.Executor with { Commands = commands } };
        });

    private static KeyDefinition Approvals(string key, KeyType type, string defaults, string documentation, Func<ApprovalsConfiguration, ConfigurationNode, ApprovalsConfiguration> apply)
        => new("approvals." + key, type, defaults, documentation, (c, v, _) => c with { Approvals = apply(c.Approvals, v) });

    private static KeyDefinition Ranking(string key, string defaults, string documentation, Func<RankingConfiguration, ConfigurationNode, RankingConfiguration> apply)
        => new("ranking." + key, s_weight, defaults, documentation, (c, v, _) => c with { Ranking = apply(c.Ranking, v) });

    private static KeyDefinition Budgets(string key, string defaults, string documentation, Func<BudgetsConfiguration, ConfigurationNode, BudgetsConfiguration> apply)
        => new("budgets." + key, s_usd, defaults, documentation, (c, v, _) => c with { Budgets = apply(c.Budgets, v) });

    private static KeyDefinition Server(string key, KeyType type, string defaults, string documentation, Func<ServerConfiguration, ConfigurationNode, ServerConfiguration> apply)
        => new("server." + key, type, defaults, documentation, (c, v, _) => c with { Server = apply(c.Server, v) });

    private static KeyDefinition RateLimiting(string key, KeyType type, string defaults, string documentation, Func<RateLimitingConfiguration, ConfigurationNode, RateLimitingConfiguration> apply)
        => new("security.rate_limiting." + key, type, defaults, documentation, (c, v, _) => c with { Security = c.Security with { RateLimiting = apply(c.Security.RateLimiting, v) } });

    private static IReadOnlyList<IPNetwork> Networks(ConfigurationNode value) => [.. value.Texts.Select(text => TryNetwork(text, out var network) ? network : throw new FormatException(text))];

    private static bool TryNetwork(string text, out IPNetwork network)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            network = new IPNetwork(address, address.AddressFamily is AddressFamily.InterNetwork ? 32 : 128);
            return true;
        }

        return IPNetwork.TryParse(text, out network);
    }

    private static KeyDefinition Network(string key, KeyType type, string defaults, string documentation, Func<NetworkConfiguration, ConfigurationNode, NetworkConfiguration> apply)
        => new("network." + key, type, defaults, documentation, (c, v, _) => c with { Network = apply(c.Network, v) });

    private static KeyDefinition Retention(string key, KeyType type, string defaults, string documentation, Func<RetentionConfiguration, ConfigurationNode, RetentionConfiguration> apply)
        => new("retention." + key, type, defaults, documentation, (c, v, _) => c with { Retention = apply(c.Retention, v) });

    private static KeyDefinition Logging(string key, KeyType type, string defaults, string documentation, Func<LoggingConfiguration, ConfigurationNode, LoggingConfiguration> apply)
        => new("logging." + key, type, defaults, documentation, (c, v, _) => c with { Logging = apply(c.Logging, v) });

    private static KeyDefinition Database(string key, KeyType type, string defaults, string documentation, Func<DatabaseConfiguration, ConfigurationNode, DatabaseConfiguration> apply)
        => new("database." + key, type, defaults, documentation, (c, v, _) => c with { Database = apply(c.Database, v) });

    private static KeyDefinition Redis(string key, KeyType type, string defaults, string documentation, Func<RedisConfiguration, ConfigurationNode, RedisConfiguration> apply)
        => new("redis." + key, type, defaults, documentation, (c, v, _) => c with { Redis = apply(c.Redis, v) });

    /// <summary>The same keys for every upstream; an attempt's time-out only where no other key says it, and nothing about repeating where nothing is repeated.</summary>
    private static IEnumerable<KeyDefinition> Upstream(
        string name, string what, UpstreamConfiguration defaults, Func<ResilienceConfiguration, Func<UpstreamConfiguration, UpstreamConfiguration>, ResilienceConfiguration> change)
    {
        if (defaults.Attempts > 1)
        {
            yield return Key("attempts", new WholeType(1, 10), Text(defaults.Attempts), $"How often a call is made at most, the first time included: {what}. Only what may be repeated is.", (u, v) => u with { Attempts = v.Whole });
            yield return Key("totalTimeoutSeconds", new WholeType(1, 86400), Text(defaults.TotalTimeout.TotalSeconds), "Seconds for all attempts together; waiting for a turn under GitHub's limits is not counted.", (u, v) => u with { TotalTimeout = v.Seconds });
        }

        if (defaults.AttemptTimeout is { } attempt)
        {
            yield return Key("attemptTimeoutSeconds", new WholeType(1, 86400), Text(attempt.TotalSeconds), defaults.Attempts > 1 ? "Seconds for one attempt." : $"Seconds until an answer begins: {what}. Nothing is repeated here, and an answer may last.", (u, v) => u with { AttemptTimeout = v.Seconds });
        }

        yield return Key("concurrency", new WholeType(1, 1000), Text(defaults.Concurrency), "Calls under way at once, per host and process.", (u, v) => u with { Concurrency = v.Whole });
        yield return Key("failureRatio", new RealType(0.01m, 1), Text(defaults.FailureRatio), "The circuit breaker opens when this part of the calls in a window fails.", (u, v) => u with { FailureRatio = (double)v.Real });
        yield return Key("minimumThroughput", new WholeType(2, 10_000), Text(defaults.MinimumThroughput), "Fewer calls in a window open nothing.", (u, v) => u with { MinimumThroughput = v.Whole });
        yield return Key("windowSeconds", new WholeType(1, 3600), Text(defaults.Window.TotalSeconds), "Length of that window.", (u, v) => u with { Window = v.Seconds });
        yield return Key("breakSeconds", new WholeType(1, 3600), Text(defaults.Break.TotalSeconds), "Seconds an open breaker refuses calls before it tries one.", (u, v) => u with { Break = v.Seconds });

        KeyDefinition Key(string key, KeyType type, string value, string documentation, Func<UpstreamConfiguration, ConfigurationNode, UpstreamConfiguration> apply)
            => new($"resilience.{name}.{key}", type, value, documentation, (c, v, _) => c with { Resilience = change(c.Resilience, u => apply(u, v)) });

        static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    [GeneratedRegex(@"\A[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*/[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex FullName();

    [GeneratedRegex(@"\A@[A-Za-z0-9_-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Mention();

    [GeneratedRegex(@"\A(?:claude-code|claude-flow|mention|terragon|command:[A-Za-z0-9_-]{1,64})\z", RegexOptions.CultureInvariant)]
    private static partial Regex ExecutorName();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex CredentialName();

    [GeneratedRegex(@"\A[^<>]*[^<>\s][^<>]* <[^<>@\s]+@[^<>@\s]+>\z", RegexOptions.CultureInvariant)]
    private static partial Regex Author();
}
