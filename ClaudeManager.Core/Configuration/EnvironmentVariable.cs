namespace ClaudeManager.Core.Configuration;

/// <summary>A variable with a name of its own, kept from earlier generations or set by the platform. Every key can also be set by <c>ClaudeManager__section__key</c>.</summary>
/// <param name="Path">The key it sets; null when the program itself takes it.</param>
/// <param name="Type">Its range, which may be narrower than the key's.</param>
internal sealed record EnvironmentVariable(string Name, string? Path, KeyType Type, string Default, string Documentation)
{
    public const string Prefix = "ClaudeManager__";

    private static readonly FlagType s_flag = new();
    private static readonly TextType s_text = new("text", "text");

    /// <summary>Its value is never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>Later ones win over earlier ones for the same key.</summary>
    public static IReadOnlyList<EnvironmentVariable> All { get; } =
    [
        new("GITHUB_TOKEN", null, new TextType("a GitHub token", "ghp_…", 20, 4096), "", "GitHub token, at least 20 characters.") { IsSecret = true },
        new("ISSUE_NUMBER", null, new WholeType(1, int.MaxValue), "", "The issue that `execute` works on when it is given no work item."),
        new("REPOSITORY_NAME", null, new TextType("a repository as owner/name", "octocat/manager", 3, 140), "", "The repository that issue is in; `github.managerRepo` when that is not set."),
        new("ANTHROPIC_API_KEY", null, s_text, "", "Key of the model's API.") { IsSecret = true },
        new("ANTHROPIC_AUTH_TOKEN", null, s_text, "", "Bearer token of the model's API, instead of a key.") { IsSecret = true },
        new("ANTHROPIC_BASE_URL", null, new TextType("an http or https address", "https://api.anthropic.com", AlsoRefused: text => !ConfigurationKeys.IsHttpUrl(text)), "https://api.anthropic.com",
            "Address of the model's API. Plain http only on loopback."),
        new("CREDENTIAL_ENCRYPTION_KEY", null, s_text, "", "Master key: base64 or base64url of 32 bytes (`openssl rand -base64 32`).") { IsSecret = true },
        new("ENVIRONMENT", null, s_text, "development", "`development`, `staging` or `production`; else `DOTNET_ENVIRONMENT` or `ASPNETCORE_ENVIRONMENT`."),
        new("CLAUDE_MANAGER_CONFIG", null, s_text, "./config.json", "The configuration file."),
        new("XDG_STATE_HOME", null, s_text, "~/.local/state", "The data directory is `claude-manager` in it (on Windows in `%LOCALAPPDATA%`)."),
        new("ConnectionStrings__claudemanager", "database.connection_string", s_text, "", "Database, as Aspire and .NET hosts give it.") { IsSecret = true },
        new("DATABASE_URL", "database.connection_string", s_text, "", "Database: `postgres://…`, key=value, or `sqlite:///…`.") { IsSecret = true },
        new("ConnectionStrings__redis", "redis.connection", s_text, "", "Redis, as Aspire and .NET hosts give it.") { IsSecret = true },
        new("DASHBOARD_HOST", "server.host", s_text, "127.0.0.1", "Address to listen on."),
        new("DASHBOARD_PORT", "server.port", new WholeType(0, 65535), "8080", "Port to listen on."),
        new("LOG_LEVEL", "logging.level", new ChoiceType("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO", "Least severe log entry that is written."),
        new("https_proxy", "network.proxy", s_text, "", "Proxy for everything that goes out.") { IsSecret = true },
        new("HTTPS_PROXY", "network.proxy", s_text, "", "The same.") { IsSecret = true },
        new("no_proxy", "network.noProxy", s_text, "", "Hosts reached directly."),
        new("NO_PROXY", "network.noProxy", s_text, "", "The same."),
        new("SSL_CERT_FILE", "network.caBundle", s_text, "", "File with more certificate authorities."),
        new("PERF_MAX_OPERATIONS", "performance.maxOperations", new WholeType(1000, 100_000), "10000", "Operations kept in memory."),
        new("PERF_RETENTION_DAYS", "performance.retentionDays", new WholeType(1, 365), "30", "How long figures are kept."),
        new("PERF_ALERT_DURATION", "performance.alertThresholds.durationSeconds", new RealType(0.1m, 3600), "30.0", "Slow operation, in seconds."),
        new("PERF_ALERT_ERROR_RATE", "performance.alertThresholds.errorRate", new RealType(0.01m, 1), "0.1", "High rate of errors."),
        new("RATE_LIMIT_MAX_REQUESTS", "github.budget.max_requests", new WholeType(100, 50_000), "5000", "Requests to GitHub per window."),
        new("RATE_LIMIT_TIME_WINDOW", "github.budget.window_seconds", new WholeType(60, 86_400), "3600", "That window, in seconds."),
        new("RATE_LIMIT_WINDOW_SECONDS", "security.rate_limiting.window_seconds", new WholeType(1, 86_400), "60", "Window of the inbound limit."),
        new("SECURITY_MAX_CONTENT_LENGTH", "security.input_validation.max_input_length", new WholeType(1000, 100_000), "50000", "Longest text taken."),
        new("SECURITY_ENHANCED_MAX_CONTENT_LENGTH", "security.input_validation.max_input_length", new WholeType(1000, 100_000), "60000", "The same, with enhanced security."),
        new("ENABLE_PERFORMANCE_MONITORING", "performance.monitoringEnabled", s_flag, "true", "true/1/yes/on or false/0/no/off."),
        new("ENABLE_RATE_LIMITING", "security.rate_limiting.enabled", s_flag, "true", "The same."),
        new("ENABLE_ENHANCED_SECURITY", "security.input_validation.enabled", s_flag, "true", "The same."),
    ];

    /// <summary>The environment of this process, read once at start. Nothing else reads it.</summary>
    public static IReadOnlyDictionary<string, string> ReadProcess()
    {
        var variables = new Dictionary<string, string>(OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }

        return variables;
    }

    /// <summary>Values that must never be shown, by the names people give to secrets.</summary>
    public static IEnumerable<string> Secrets(IReadOnlyDictionary<string, string> variables)
        => variables.Where(v => All.Any(known => known.IsSecret && known.Path is null && known.Name == v.Key) || IsSecretName(v.Key)).Select(v => v.Value);

    internal static bool IsSecretName(string name)
    {
        var plain = name.Replace("-", "_", StringComparison.Ordinal).ToUpperInvariant();
        return plain is "TOKEN" or "SECRET" or "PASSWORD" or "APIKEY" or "PGPASSWORD"
            || plain.EndsWith("_API_KEY", StringComparison.Ordinal) || plain.EndsWith("_TOKEN", StringComparison.Ordinal) || plain.EndsWith("_SECRET", StringComparison.Ordinal)
            || plain.EndsWith("_PASSWORD", StringComparison.Ordinal) || plain.EndsWith("_ACCESS_KEY", StringComparison.Ordinal) || plain.EndsWith("_PRIVATE_KEY", StringComparison.Ordinal);
    }
}
