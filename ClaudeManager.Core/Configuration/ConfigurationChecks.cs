using System.Globalization;
using System.Net;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting;
using Cronos;

namespace ClaudeManager.Core.Configuration;

/// <summary>What no key can be checked for alone: rules over several sections and rules of the environment.</summary>
internal sealed class ConfigurationChecks(
    ManagerConfiguration configuration,
    IReadOnlyDictionary<string, ConfigurationOrigin> origins,
    ConfigurationSources sources,
    List<ConfigurationFinding> findings)
{
    private static readonly ConfigurationOrigin s_defaults = new("defaults");

    public void Run()
    {
        GitHub();
        Budgets();
        Schedule();
        Executors();
        Database();
        Redis();
        Server();
        Production();
    }

    internal static bool IsLoopback(string host)
        => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private void GitHub()
    {
        var remote = configuration.GitHub.ReposToScan.Where(repository => !ConfigurationKeys.IsPath(repository)).ToList();
        if (remote.Count == 0 && !origins.ContainsKey("github.managerRepo"))
        {
            return;
        }

        foreach (var path in (string[])["github.username", "github.managerRepo", "github.reposToScan", "analyzer.scanForTodos", "analyzer.scanOpenIssues"])
        {
            if (!origins.ContainsKey(path))
            {
                findings.Add(ConfigurationRules.Missing.At(path, new ConfigurationOrigin(sources.Name), "It is required with repositories on GitHub.",
                    $"Add {path}, {ConfigurationKeys.All.First(k => k.Path == path).Type.Description}."));
            }
        }
    }

    private void Budgets()
    {
        var budgets = configuration.Budgets;
        (string Key, decimal Usd)[] nested =
            [("perRunUsd", budgets.PerRunUsd), ("perRepositoryPerDayUsd", budgets.PerRepositoryPerDayUsd), ("perDayUsd", budgets.PerDayUsd), ("perMonthUsd", budgets.PerMonthUsd)];
        foreach (var ((narrow, less), (wide, more)) in nested.Zip(nested.Skip(1)))
        {
            if (less > more)
            {
                var path = $"budgets.{(origins.ContainsKey($"budgets.{narrow}") ? narrow : wide)}";
                findings.Add(ConfigurationRules.BudgetsNotNested.At(path, Origin(path), string.Create(CultureInfo.InvariantCulture, $"{narrow} ({less}) is above {wide} ({more})."), $"Lower {narrow} or raise {wide}."));
            }
        }
    }

    private void Schedule()
    {
        var analyzer = configuration.Analyzer;
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(analyzer.TimeZone, out var zone))
        {
            findings.Add(ConfigurationRules.BadTimeZone.At("analyzer.timeZone", Origin("analyzer.timeZone"), $"\"{analyzer.TimeZone}\" is not known on this machine.", "Write a name of the time zone database, e.g. \"Europe/Zurich\"."));
        }

        const string fix = "Write minute, hour, day, month and weekday, e.g. \"0 5 * * *\" for every day at five.";
        if (!CronExpression.TryParse(analyzer.Schedule, CronFormat.Standard, out var schedule))
        {
            findings.Add(ConfigurationRules.BadSchedule.At("analyzer.schedule", Origin("analyzer.schedule"), $"\"{analyzer.Schedule}\" is not a cron expression.", fix));
        }
        else if (schedule.GetNextOccurrence(sources.Time.GetUtcNow(), zone ?? TimeZoneInfo.Utc) is null)
        {
            findings.Add(ConfigurationRules.BadSchedule.At("analyzer.schedule", Origin("analyzer.schedule"), $"\"{analyzer.Schedule}\" never fires.", fix));
        }
    }

    private void Executors()
    {
        var executor = configuration.Executor;
        var chosen = executor.DefaultExecutor;
        var origin = Origin("executor.defaultExecutor");
        if (chosen.StartsWith("command:", StringComparison.Ordinal) && chosen[8..] is var name && name != "sample" && !executor.Commands.ContainsKey(name))
        {
            findings.Add(ConfigurationRules.UndefinedCommand.At("executor.defaultExecutor", origin,
                $"There is no command \"{name}\".{Spelling.DidYouMean(name, executor.Commands.Keys)}", $"Define executor.commands.{name} with a program."));
        }

        foreach (var command in executor.Commands.Where(c => c.Value.Program.Length == 0).Select(c => c.Key))
        {
            var path = $"executor.commands.{command}.program";
            if (origins.ContainsKey(path))
            {
                continue;
            }

            findings.Add(ConfigurationRules.Missing.At(path, new ConfigurationOrigin(sources.Name), $"The command {command} has no program.", $"Add {path}, e.g. \"prettier\"."));
        }

        if (chosen == "mention" && !origins.ContainsKey("executor.terragonUsername"))
        {
            findings.Add(ConfigurationRules.NoHandle.At("executor.terragonUsername", origin, "The default executor is mention, but nobody is named.", "Add executor.terragonUsername, e.g. \"@terragon-labs\"."));
        }

        if (executor.Stall >= executor.Timeout && (origins.ContainsKey("executor.stallSeconds") || origins.ContainsKey("executor.timeout")))
        {
            findings.Add(ConfigurationRules.StallTooLong.At("executor.stallSeconds", Origin("executor.stallSeconds"), "A run times out before it can be called stalled.", "Make executor.stallSeconds smaller than executor.timeout."));
        }
    }

    private void Database()
    {
        var database = configuration.Database;
        if (database.MinConnections > database.MaxConnections)
        {
            findings.Add(ConfigurationRules.PoolBounds.At("database.pool_settings.min_connections", Origin("database.pool_settings.min_connections"),
                string.Create(CultureInfo.InvariantCulture, $"{database.MinConnections} is above max_connections ({database.MaxConnections})."), "Lower the one or raise the other."));
            return;
        }

        var origin = Origin("database.connection_string");
        try
        {
            var target = DatabaseAddress.Resolve(database, "claude-manager.db");
            if (target is StoreTarget.Postgres postgres && origin.Line > 0 && !string.IsNullOrEmpty(new Npgsql.NpgsqlConnectionStringBuilder(postgres.ConnectionString).Password))
            {
                findings.Add(ConfigurationRules.SecretValue.At("database.connection_string", origin, "It holds a password.", "Remove the key and set the whole string as DATABASE_URL in the environment."));
            }

            if (target is StoreTarget.Sqlite && sources.EnvironmentName is "production" or "staging")
            {
                Stage(ConfigurationRules.SqliteInProduction, "database.type", $"The store is SQLite, and this is {sources.EnvironmentName}.", "Set DATABASE_URL to a PostgreSQL database.");
            }
        }
        catch (FormatException e)
        {
            findings.Add(ConfigurationRules.BadConnection.At("database.connection_string", origin, e.Message, "Write e.g. postgres://user@host:5432/claudemanager, or Host=…;Database=…;Username=…."));
        }
    }

    private void Redis()
    {
        if (configuration.Redis.Connection is not { } connection)
        {
            return;
        }

        var origin = Origin("redis.connection");
        try
        {
            if (RedisRateLimiter.Options(connection.Reveal()).Password is { Length: > 0 } && origin.Line > 0)
            {
                findings.Add(ConfigurationRules.SecretValue.At("redis.connection", origin, "It holds a password.", "Remove the key and set the whole string as ConnectionStrings__redis in the environment."));
            }
        }
        catch (FormatException e)
        {
            findings.Add(ConfigurationRules.BadRedis.At("redis.connection", origin, e.Message, "Write e.g. redis:6379,ssl=true."));
        }
    }

    private void Server()
    {
        var host = configuration.Server.Host;
        if (!IsLoopback(host))
        {
            findings.Add(ConfigurationRules.OpenAddress.At("server.host", Origin("server.host"), $"\"{host}\" can be reached from other machines, and this version has no sign-in.", "Use 127.0.0.1 and reach it through an SSH tunnel."));
        }
    }

    private void Production()
    {
        if (sources.EnvironmentName is not ("production" or "staging"))
        {
            return;
        }

        if (configuration.Logging.Level == "DEBUG")
        {
            Stage(ConfigurationRules.DebugInProduction, "logging.level", $"DEBUG writes more than {sources.EnvironmentName} should keep.", "Use INFO or higher.");
        }

        if (!sources.Variables.TryGetValue("CREDENTIAL_ENCRYPTION_KEY", out var key) || key.Length == 0)
        {
            Stage(ConfigurationRules.NoMasterKey, "", $"CREDENTIAL_ENCRYPTION_KEY is not set, and this is {sources.EnvironmentName}.", "Set it to the base64 of 32 random bytes: openssl rand -base64 32");
        }
    }

    /// <summary>Staging is told the same as production, as a warning.</summary>
    private void Stage(ConfigurationRule rule, string path, string message, string fix)
    {
        var finding = rule.At(path, Origin(path), message, fix);
        findings.Add(sources.EnvironmentName == "staging" ? finding with { Severity = FindingSeverity.Warning } : finding);
    }

    private ConfigurationOrigin Origin(string path) => origins.GetValueOrDefault(path, s_defaults);
}
