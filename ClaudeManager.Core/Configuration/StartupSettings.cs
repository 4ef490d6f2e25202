using System.Globalization;
using System.Text;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Security;
using Npgsql;

namespace ClaudeManager.Core.Configuration;

/// <summary>What the command line says before anything is read.</summary>
public sealed record StartupOptions
{
    /// <summary><c>--config</c>; else <c>CLAUDE_MANAGER_CONFIG</c>, else <c>./config.json</c> if it is there and ours.</summary>
    public string? ConfigurationFile { get; init; }

    /// <summary><c>--data</c>; else the platform's folder for user state.</summary>
    public string? DataDirectory { get; init; }

    /// <summary><c>--environment</c>.</summary>
    public string? Environment { get; init; }

    /// <summary>Keys given as options, e.g. <c>server.port</c> from <c>--port</c>, <c>database.connection_string</c> for another store.</summary>
    public IReadOnlyDictionary<string, string> Overrides { get; init; } = new Dictionary<string, string>();
}

/// <summary>Everything a host needs before its services exist. Made once per process; the environment is not read again.</summary>
public sealed record StartupSettings
{
    public required DataDirectory Data { get; init; }
    public required StoreTarget Store { get; init; }
    public required ManagerConfiguration Configuration { get; init; }

    /// <summary>Valid, but it may hold advice worth logging.</summary>
    public required ConfigurationReport Report { get; init; }

    /// <summary>The file that was read; null when there was none.</summary>
    public required string? ConfigurationFile { get; init; }
    public required ModelCredentials Model { get; init; }
    public required SecretString? GitHubToken { get; init; }

    /// <summary>REPOSITORY_NAME and ISSUE_NUMBER: what a job is started for; null unless both are given.</summary>
    public (string Repository, int Number)? Issue { get; init; }

    /// <summary>CREDENTIAL_ENCRYPTION_KEY.</summary>
    public required SecretString? MasterKey { get; init; }

    /// <summary>Everything secret the environment held, for <see cref="Redactor.Learn"/>.</summary>
    public required IReadOnlyList<SecretString> KnownSecrets { get; init; }

    /// <exception cref="ConfigurationException">Something is wrong; the report has all of it.</exception>
    public static StartupSettings Load(StartupOptions options, IReadOnlyDictionary<string, string>? variables = null)
    {
        var sources = new ConfigurationSources { Variables = variables ?? EnvironmentVariable.ReadProcess(), Environment = options.Environment, Overrides = options.Overrides };
        var findings = new List<ConfigurationFinding>();
        var (file, text) = Read(options.ConfigurationFile ?? sources.Variable("CLAUDE_MANAGER_CONFIG"), findings);
        sources = sources with { Text = text, Name = file ?? sources.Name };

        var loaded = ConfigurationLoader.Load(sources);
        var data = FindDataDirectory(options.DataDirectory, sources, findings);
        var report = new ConfigurationReport([.. findings, .. loaded.Report.Findings]);
        if (!report.IsValid || data is null)
        {
            throw new ConfigurationException(report);
        }

        var store = DatabaseAddress.Resolve(loaded.Configuration.Database, data.DatabaseFile);
        return new StartupSettings
        {
            Data = data,
            Store = store,
            Configuration = loaded.Configuration,
            Report = report,
            ConfigurationFile = file,
            Model = new ModelCredentials(
                Secret(sources, "ANTHROPIC_API_KEY"),
                Secret(sources, "ANTHROPIC_AUTH_TOKEN"),
                sources.Variable("ANTHROPIC_BASE_URL") is { } url ? new Uri(url) : ModelCredentials.Anthropic),
            GitHubToken = Secret(sources, "GITHUB_TOKEN"),
            Issue = sources.Variable("REPOSITORY_NAME") is { } repository && int.TryParse(sources.Variable("ISSUE_NUMBER"), CultureInfo.InvariantCulture, out var number) ? (repository, number) : null,
            MasterKey = Secret(sources, "CREDENTIAL_ENCRYPTION_KEY"),
            KnownSecrets = [.. Secrets(sources, loaded.Configuration, store).Where(s => s.Length > 0).Distinct(StringComparer.Ordinal).Select(s => new SecretString(s))],
        };
    }

    private static SecretString? Secret(ConfigurationSources sources, string name) => sources.Variable(name) is { } value ? new SecretString(value) : null;

    private static IEnumerable<string> Secrets(ConfigurationSources sources, ManagerConfiguration configuration, StoreTarget store)
    {
        foreach (var value in EnvironmentVariable.Secrets(sources.Variables))
        {
            yield return value;
        }

        if (store is StoreTarget.Postgres postgres && new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Password is { } password)
        {
            yield return password;
        }

        if (configuration.Redis.Connection is { } redis && RedisRateLimiter.Options(redis.Reveal()).Password is { } redisPassword)
        {
            yield return redisPassword;
        }

        if (Uri.TryCreate(configuration.Network.Proxy, UriKind.Absolute, out var proxy) && proxy.UserInfo.Split(':', 2) is [_, var proxyPassword])
        {
            yield return Uri.UnescapeDataString(proxyPassword);
        }
    }

    private static (string? File, string? Text) Read(string? named, List<ConfigurationFinding> findings)
    {
        const string standard = "config.json";
        const long largest = 1024 * 1024;
        var file = Path.GetFullPath(named ?? standard);
        if (named is null && !File.Exists(file))
        {
            return (null, null);
        }

        var origin = new ConfigurationOrigin(file);
        try
        {
            if (new FileInfo(file).Length > largest)
            {
                findings.Add(ConfigurationRules.Unreadable.At("", origin, "It is larger than 1 MB.", "Name the right file with --config."));
                return (file, null);
            }

            var text = File.ReadAllText(file, new UTF8Encoding(false, throwOnInvalidBytes: true));
            if (named is null && !ConfigurationLoader.LooksLikeOurs(text))
            {
                findings.Add(ConfigurationRules.NotOurs.At("", origin, "It has none of our sections and was not read.", "If it is meant, name it with --config."));
                return (null, null);
            }

            CheckMode(file, origin, findings);
            return (file, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            findings.Add(ConfigurationRules.Unreadable.At("", origin, e is DecoderFallbackException ? "It is not UTF-8." : e.Message, "Correct the file, or name another with --config."));
            return (file, null);
        }
    }

    private static void CheckMode(string file, ConfigurationOrigin origin, List<ConfigurationFinding> findings)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var mode = File.GetUnixFileMode(file);
        if (mode.HasFlag(UnixFileMode.OtherWrite))
        {
            findings.Add(ConfigurationRules.WritableByOthers.At("", origin, "Everybody on this machine can change it, and so decide what agents may run.", $"Run: chmod o-w {file}"));
        }
        else if (mode.HasFlag(UnixFileMode.OtherRead))
        {
            findings.Add(ConfigurationRules.ReadableByOthers.At("", origin, "Everybody on this machine can read it.", $"Run: chmod o-r {file}"));
        }
    }

    private static DataDirectory? FindDataDirectory(string? named, ConfigurationSources sources, List<ConfigurationFinding> findings)
    {
        const string name = "claude-manager";
        if (named is not null)
        {
            return new DataDirectory(named);
        }

        // The XDG specification: a relative path is to be ignored.
        if (sources.Variable("XDG_STATE_HOME") is { } state && Path.IsPathRooted(state))
        {
            return new DataDirectory(Path.Combine(state, name));
        }

        if (OperatingSystem.IsWindows() && sources.Variable("LOCALAPPDATA") is { } local)
        {
            return new DataDirectory(Path.Combine(local, name));
        }

        if (sources.Variable("HOME") is { } home && Path.IsPathRooted(home))
        {
            return new DataDirectory(Path.Combine(home, ".local", "state", name));
        }

        findings.Add(ConfigurationRules.NoDataDirectory.At("", new ConfigurationOrigin("environment"), "There is no home directory to keep data in.", "Name a directory with --data."));
        return null;
    }
}
