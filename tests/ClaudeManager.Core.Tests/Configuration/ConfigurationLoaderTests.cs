using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.Configuration;

public sealed class ConfigurationLoaderTests
{
    private static readonly JsonSerializerOptions s_networksAsText = new() { Converters = { new NetworkAsText() } };

    private static readonly Dictionary<string, string> s_none = [];

    public static TheoryData<string> Keys => [.. ConfigurationKeys.All.Select(k => k.Path)];

    [Fact]
    public void Load_Nothing_GivesTheDefaultsWithoutAnyFinding()
    {
        var loaded = Load(null);

        Assert.Empty(loaded.Report.Findings);
        Assert.Equal(Serialize(ManagerConfiguration.Default), Serialize(loaded.Configuration));
    }

    [Fact]
    public void Load_CommentsAndTrailingCommas_AreAccepted()
    {
        var loaded = Load("""
            // ours
            { "analyzer": { "maxIssuesPerRepo": 7, /* few */ }, }
            """);

        Assert.Empty(loaded.Report.Findings);
        Assert.Equal(7, loaded.Configuration.Analyzer.MaxIssuesPerRepo);
    }

    [Fact]
    public void Load_WrongValueAfterMultibyteText_NamesLineAndColumnInCharacters()
    {
        var loaded = Load("{\n  \"analyzer\": { \"todoPatterns\": [\"日本\"], \"maxIssuesPerRepo\": 1000 }\n}");

        var finding = Assert.Single(loaded.Report.Findings);
        Assert.Equal(("CM1103", "analyzer.maxIssuesPerRepo", 2, 61), (finding.Code, finding.Path, finding.Origin.Line, finding.Origin.Column));
    }

    [Fact]
    public void Load_SeveralMistakes_ReportsAllOfThem()
    {
        var loaded = Load("""
            { "analyzer": { "maxTodosPerFile": "three", "scheduel": "x", "firstScan": "preveiw" },
              "budgets": { "perRunUsd": 50 } }
            """);

        Assert.Equal(["CM1102", "CM1101", "CM1104", "CM1201"], loaded.Report.Findings.Select(f => f.Code));
        Assert.Contains("Did you mean \"schedule\"?", loaded.Report.Findings[1].Message, StringComparison.Ordinal);
        Assert.Contains("Did you mean \"preview\"?", loaded.Report.Findings[2].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_KeyInTheWrongSection_NamesItsPlace()
    {
        var finding = Assert.Single(Load("""{ "executor": { "maxIssuesPerRepo": 3 } }""").Report.Findings);

        Assert.Contains("Did you mean analyzer.maxIssuesPerRepo?", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("1.5")]
    [InlineData("1e1")]
    [InlineData("\"3\"")]
    [InlineData("null")]
    [InlineData("[3]")]
    public void Load_WhatIsNoWholeNumber_IsRefused(string value)
        => Assert.Equal("CM1102", Assert.Single(Load($$"""{ "executor": { "maxAttempts": {{value}} } }""").Report.Findings).Code);

    [Theory]
    [InlineData("octocat/hello", true)]
    [InlineData("adminlte/x", true)]
    [InlineData("o/etcd", true)]
    [InlineData("owner/tmpl", true)]
    [InlineData("/srv/repo", true)]
    [InlineData("~/repo", true)]
    [InlineData("../..", true)]
    [InlineData("./.", true)]
    [InlineData("C:\\code\\repo", true)]
    [InlineData("owner/..", false)]
    [InlineData("-owner/x", false)]
    [InlineData("ow--ner/x", false)]
    [InlineData("owner/x/y", false)]
    [InlineData("owner/x\n", false)]
    [InlineData("owner/x\u202e", false)]
    [InlineData("justaname", false)]
    public void Load_Repository_FollowsTheRulesOfNamesAndPaths(string repository, bool valid)
    {
        var loaded = Load($$"""{ "github": { "reposToScan": [{{JsonSerializer.Serialize(repository)}}] } }""");

        Assert.Equal(valid, !loaded.Report.Findings.Any(f => f.Code == "CM1105"));
    }

    [Fact]
    public void Load_Precedence_IsDefaultFileEnvironmentCommandLine()
    {
        var file = """{ "server": { "port": 1001 }, "analyzer": { "maxIssuesPerRepo": 11, "maxTodosPerFile": 12 } }""";
        var variables = new Dictionary<string, string>
        {
            ["DASHBOARD_PORT"] = "1002",
            ["ClaudeManager__ANALYZER__maxissuesperrepo"] = "21",
            ["ClaudeManager__executor__commands__fmt__program"] = "prettier",
            ["ClaudeManager__analyzer__todoPatterns"] = "TODO:, XXX",
            ["ClaudeManager__executor__commands__fmt__args"] = """["--write", "."]""",
        };
        var loaded = ConfigurationLoader.Load(new ConfigurationSources { Text = file, Variables = variables, Overrides = new Dictionary<string, string> { ["server.port"] = "1003" } });

        Assert.Empty(loaded.Report.Findings);
        var configuration = loaded.Configuration;
        Assert.Equal((1003, 21, 12), (configuration.Server.Port, configuration.Analyzer.MaxIssuesPerRepo, configuration.Analyzer.MaxTodosPerFile));
        Assert.Equal(["TODO:", "XXX"], configuration.Analyzer.TodoPatterns);
        Assert.Equal("prettier", configuration.Executor.Commands["fmt"].Program);
        Assert.Equal(["--write", "."], configuration.Executor.Commands["fmt"].Args);
    }

    [Fact]
    public void Load_Gen1File_LoadsUnchangedWithItsOwnDefaults()
    {
        var loaded = Load(Example("config.gen1.json"));

        Assert.True(loaded.Report.IsValid, loaded.Report.ToString());
        Assert.Equal((TimeSpan.FromSeconds(300), "mention"), (loaded.Configuration.Executor.Timeout, loaded.Configuration.Executor.DefaultExecutor));
        Assert.Equal(["octocat/hello-world", "octocat/spoon-knife"], loaded.Configuration.GitHub.ReposToScan);
        Assert.All(loaded.Report.Findings, f => Assert.Equal("CM1901", f.Code));
    }

    [Fact]
    public void Load_Gen1FileThatSetsItsTimeout_KeepsIt()
    {
        var loaded = Load("""{ "executor": { "terragonUsername": "@terragon-labs", "timeout": 600, "defaultExecutor": "claude-code" } }""");

        Assert.Equal((TimeSpan.FromSeconds(600), "claude-code"), (loaded.Configuration.Executor.Timeout, loaded.Configuration.Executor.DefaultExecutor));
    }

    [Fact]
    public void Load_ExampleFile_IsValidWithoutAnyFinding()
    {
        var loaded = Load(Example("config.json"));

        Assert.Empty(loaded.Report.Findings);
        Assert.Equal(["dotnet", "test", "--no-build"], loaded.Configuration.Executor.Verify["shop"][1]);
    }

    [Fact]
    public void Load_Windows_AreReadWithTheirDefaults()
    {
        var loaded = Load("""{ "executor": { "windows": [{ "days": ["mon", "sun"], "from": "22:00", "to": "06:30", "timeZone": "Europe/Zurich" }, { "from": "00:00", "to": "24:00" }] } }""");

        Assert.Empty(loaded.Report.Findings);
        var (night, always) = (loaded.Configuration.Executor.Windows[0], loaded.Configuration.Executor.Windows[1]);
        Assert.Equal([DayOfWeek.Monday, DayOfWeek.Sunday], night.Days);
        Assert.Equal((new TimeSpan(22, 0, 0), new TimeSpan(6, 30, 0), "Europe/Zurich"), (night.From, night.To, night.TimeZone));
        Assert.Equal((7, TimeSpan.Zero, TimeSpan.FromDays(1), "UTC"), (always.Days.Count, always.From, always.To, always.TimeZone));
    }

    [Theory]
    [InlineData("""{ "to": "06:00" }""", "CM1108", ".from")]
    [InlineData("""{ "from": "6:00", "to": "07:00" }""", "CM1105", ".from")]
    [InlineData("""{ "from": "06:00", "to": "24:01" }""", "CM1105", ".to")]
    [InlineData("""{ "from": "06:00", "to": 7 }""", "CM1102", ".to")]
    [InlineData("""{ "from": "06:00", "to": "07:00", "day": ["mon"] }""", "CM1101", ".day")]
    [InlineData("""{ "from": "06:00", "to": "07:00", "days": ["monday"] }""", "CM1104", ".days[0]")]
    [InlineData("""{ "from": "06:00", "to": "07:00", "days": [] }""", "CM1106", ".days")]
    [InlineData("""{ "from": "06:00", "to": "07:00", "timeZone": "Mars/Olympus" }""", "CM1204", ".timeZone")]
    [InlineData("""{ "from": "06:00", "to": "06:00" }""", "CM1209", "")]
    [InlineData("""{ "from": "24:00", "to": "06:00" }""", "CM1209", ".from")]
    [InlineData("\"22:00-06:00\"", "CM1102", "")]
    public void Load_BadWindow_IsFoundAtItsPlace(string window, string code, string place)
    {
        var loaded = Load($$"""
            { "executor": { "windows": [{ "from": "20:00", "to": "21:00" },
              {{window}}] } }
            """);

        var finding = Assert.Single(loaded.Report.Findings);
        Assert.Equal((code, "executor.windows[1]" + place, 2), (finding.Code, finding.Path, finding.Origin.Line));
    }

    [Fact]
    public void Load_SecretAnywhereInTheFile_IsFoundAndNeverShown()
    {
        const string token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        var loaded = Load($$"""
            {
              // {{token}}
              "executor": { "commands": { "x": { "program": "p", "environment": { "A": "{{token}}", "MY_API_KEY": "plain" } } } }
            }
            """);

        Assert.Equal([("CM1401", 2), ("CM1401", 3), ("CM1402", 3)], loaded.Report.Findings.Select(f => (f.Code, f.Origin.Line)).Order());
        Assert.False(loaded.Report.IsValid);
        Assert.DoesNotContain("0123456789", loaded.Report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SecretUnderAnUnknownKey_IsMaskedInEveryFinding()
    {
        var loaded = Load("""{ "github": { "username": "ghp_0123456789abcdefghijABCDEFGHIJ012345", "token": "ghp_0123456789abcdefghijABCDEFGHIJ012345" } }""");

        Assert.DoesNotContain("0123456789", loaded.Report.ToString(), StringComparison.Ordinal);
        Assert.Contains(loaded.Report.Findings, f => f is { Code: "CM1101", Path: "github.token" });
    }

    [Fact]
    public void Load_PasswordOfRedisInTheFile_IsASecurityFinding()
    {
        var loaded = Load("""{ "redis": { "connection": "redis:6379,password=short" } }""");

        Assert.Contains(loaded.Report.Findings, f => f is { Code: "CM1401", Path: "redis.connection" });
        Assert.DoesNotContain("short", loaded.Report.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RATE_LIMIT_MAX_REQUESTS", "99")]
    [InlineData("PERF_ALERT_ERROR_RATE", "2")]
    [InlineData("ENABLE_RATE_LIMITING", "perhaps")]
    [InlineData("LOG_LEVEL", "LOUD")]
    [InlineData("DASHBOARD_PORT", "http")]
    [InlineData("GITHUB_TOKEN", "ghp_short")]
    [InlineData("ClaudeManager__analyzer__nothing", "1")]
    [InlineData("ClaudeManager__analyzer", "1")]
    public void Load_BadVariable_IsReportedByItsName(string name, string value)
    {
        var loaded = Load(null, new Dictionary<string, string> { [name] = value });

        var finding = Assert.Single(loaded.Report.Findings);
        Assert.Equal(("CM1501", name), (finding.Code, finding.Origin.Source));
        Assert.False(loaded.Report.IsValid);
    }

    [Theory]
    [InlineData("LOG_LEVEL", "debug")]
    [InlineData("ENABLE_RATE_LIMITING", "Yes")]
    [InlineData("GITHUB_TOKEN", "github_pat_0123456789abcdef")]
    [InlineData("PERF_ALERT_DURATION", "0.5")]
    [InlineData("DASHBOARD_PORT", "")]
    public void Load_GoodVariable_IsTaken(string name, string value) => Assert.True(Load(null, new Dictionary<string, string> { [name] = value }).Report.IsValid);

    [Theory]
    [MemberData(nameof(Keys))]
    public void EachKey_ItsDefault_IsAcceptedAndIsWhatTheProgramUses(string path)
    {
        var key = ConfigurationKeys.All.Single(k => k.Path == path);
        Assert.Same(key, ConfigurationKeys.All.Last(k => k.Path == path));
        if (key.Default.Length == 0)
        {
            return;
        }

        var loaded = Load(Nest(path, key.Default));

        Assert.DoesNotContain(loaded.Report.Findings, f => f.Severity == FindingSeverity.Error && f.Path == path);
        if (!path.Contains('*', StringComparison.Ordinal) && key.Apply is not null)
        {
            Assert.Equal(Serialize(ManagerConfiguration.Default with { Database = loaded.Configuration.Database }), Serialize(loaded.Configuration));
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void EachKey_AValueOfAnotherType_IsRefusedAtItsPlace(string path)
    {
        var wrong = ConfigurationKeys.All.Single(k => k.Path == path).Type is StructureType { Kind: NodeKind.Object } or MapType ? "[]" : "{}";

        var loaded = Load(Nest(path, wrong));

        Assert.Contains(loaded.Report.Findings, f => f.Code == "CM1102" && f.Path == path.Replace("*", "x", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void EachKey_WithoutEffect_SaysSo(string path)
    {
        var key = ConfigurationKeys.All.Single(k => k.Path == path);
        var value = path == "github.reposToScan" ? """["/srv/shop"]""" : key.Default == "false" ? "true" : Sample(key.Type);

        var loaded = Load(Nest(path, value));

        Assert.DoesNotContain(loaded.Report.Findings, f => f.Code[..4] == "CM11" && f.Path == path.Replace("*", "x", StringComparison.Ordinal));
        Assert.Equal(!key.HasEffect, loaded.Report.Findings.Any(f => f.Code == "CM1901" && f.Path == path));
        if (key.HasEffect && path != "$schema")
        {
            Assert.NotEqual(Serialize(ManagerConfiguration.Default), Serialize(loaded.Configuration with { Environment = ManagerConfiguration.Default.Environment }));
        }
    }

    /// <summary>The smallest configuration that breaks each rule; a rule without one fails below.</summary>
    public static readonly Dictionary<string, ConfigurationSources> Broken = new()
    {
        ["CM1002"] = new() { Text = "{ \"server\": " },
        ["CM1003"] = new() { Text = """{ "server": { "port": 1, "port": 2 } }""" },
        ["CM1101"] = new() { Text = """{ "nothing": 1 }""" },
        ["CM1102"] = new() { Text = """{ "server": [] }""" },
        ["CM1103"] = new() { Text = """{ "server": { "port": 99999999999999999999 } }""" },
        ["CM1104"] = new() { Text = """{ "logging": { "level": "info" } }""" },
        ["CM1105"] = new() { Text = """{ "executor": { "terragonUsername": "nobody" } }""" },
        ["CM1106"] = new() { Text = """{ "github": { "reposToScan": [] } }""" },
        ["CM1107"] = new() { Text = """{ "github": { "reposToScan": ["/a", "/a"] } }""" },
        ["CM1108"] = new() { Text = """{ "github": { "reposToScan": ["a/b"] } }""" },
        ["CM1201"] = new() { Text = """{ "budgets": { "perDayUsd": 2000 } }""" },
        ["CM1202"] = new() { Text = """{ "database": { "pool_settings": { "min_connections": 30 } } }""" },
        ["CM1203"] = new() { Text = """{ "analyzer": { "schedule": "0 0 30 2 *" } }""" },
        ["CM1204"] = new() { Text = """{ "analyzer": { "timeZone": "Mars/Olympus" } }""" },
        ["CM1205"] = new() { Text = """{ "executor": { "defaultExecutor": "command:fmt" } }""" },
        ["CM1206"] = new() { Text = """{ "executor": { "defaultExecutor": "terragon" } }""" },
        ["CM1207"] = new() { Text = """{ "executor": { "stallSeconds": 1800 } }""" },
        ["CM1208"] = new() { Variables = new Dictionary<string, string> { ["DATABASE_URL"] = "mysql://x/y" } },
        ["CM1209"] = new() { Text = """{ "executor": { "windows": [{ "from": "06:00", "to": "06:00" }] } }""" },
        ["CM1210"] = new() { Variables = new Dictionary<string, string> { ["ConnectionStrings__redis"] = "ssl=true" } },
        ["CM1301"] = new() { Environment = "prod" },
        ["CM1302"] = new() { Environment = "production" },
        ["CM1303"] = new() { Environment = "production", Overrides = new Dictionary<string, string> { ["logging.level"] = "DEBUG" } },
        ["CM1304"] = new() { Environment = "production" },
        ["CM1401"] = new() { Text = """{ "database": { "connection_string": "Host=db;Username=u;Password=short" } }""" },
        ["CM1402"] = new() { Text = """{ "executor": { "claudeCode": { "environment": { "NPM_TOKEN": "x" } } } }""" },
        ["CM1405"] = new() { Variables = new Dictionary<string, string> { ["ANTHROPIC_BASE_URL"] = "http://gateway.example" } },
        ["CM1406"] = new() { Variables = new Dictionary<string, string> { ["DASHBOARD_HOST"] = "0.0.0.0" } },
        ["CM1501"] = new() { Variables = new Dictionary<string, string> { ["DASHBOARD_PORT"] = "x" } },
        ["CM1502"] = new() { Variables = new Dictionary<string, string> { ["GITHUB_TOKEN"] = "0123456789012345678901234567890123456789" } },
        ["CM1901"] = new() { Text = """{ "security": { "csrf_protection": true } }""" },
    };

    public static TheoryData<string> BrokenCodes => [.. Broken.Keys];

    [Theory]
    [MemberData(nameof(BrokenCodes))]
    public void EachRule_Broken_IsFoundWithItsSeverityAndARemedy(string code)
    {
        var loaded = ConfigurationLoader.Load(Broken[code]);

        var finding = loaded.Report.Findings.First(f => f.Code == code);
        Assert.Equal(ConfigurationRules.All.Single(r => r.Code == code).Severity, finding.Severity);
        Assert.NotEmpty(finding.Fix);
    }

    [Fact]
    public void EachRule_HasATest()
        // These five need a real file; StartupSettingsTests has them.
        => Assert.Equal(ConfigurationRules.All.Select(r => r.Code).Order(), Broken.Keys.Concat(["CM1001", "CM1004", "CM1005", "CM1403", "CM1404"]).Order());

    [Fact]
    public void Load_Staging_GetsTheRulesOfProductionAsWarnings()
    {
        var loaded = ConfigurationLoader.Load(new ConfigurationSources { Environment = "staging" });

        Assert.True(loaded.Report.IsValid);
        Assert.Equal(["CM1302", "CM1304"], loaded.Report.Findings.Select(f => f.Code).Order());
    }

    [Fact]
    public void Load_ProductionWithEverythingItNeeds_IsValid()
    {
        var loaded = ConfigurationLoader.Load(new ConfigurationSources
        {
            Variables = new Dictionary<string, string>
            {
                ["ENVIRONMENT"] = "Production",
                ["DATABASE_URL"] = "postgres://u:p@db/claudemanager",
                ["CREDENTIAL_ENCRYPTION_KEY"] = Convert.ToBase64String(new byte[32]),
            },
        });

        Assert.Empty(loaded.Report.Findings);
        Assert.Equal("production", loaded.Configuration.Environment);
    }

    [Fact]
    public void Document_TheCommittedOne_IsWhatTheTablesSay()
    {
        var committed = Path.Combine(Root(), "docs", "configuration.md");
        var actual = Path.Combine(AppContext.BaseDirectory, "configuration.actual.md");
        File.WriteAllText(actual, ConfigurationDocument.Render());

        Assert.True(File.Exists(committed) && File.ReadAllText(committed) == ConfigurationDocument.Render(), $"docs/configuration.md is out of date. Run: cp {actual} {committed}");
    }

    private static LoadedConfiguration Load(string? text, Dictionary<string, string>? variables = null)
        => ConfigurationLoader.Load(new ConfigurationSources
        {
            Text = text,
            Variables = variables ?? s_none,
            Time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero)),
        });

    private static string Nest(string path, string value) => path.Split('.').Reverse().Aggregate(value, (inner, name) => $"{{ \"{(name == "*" ? "x" : name)}\": {inner} }}");

    private static string Sample(KeyType type) => type switch
    {
        // Never the default, so that an effect shows.
        FlagType => "false",
        WholeType whole => (whole.Minimum + 3).ToString(CultureInfo.InvariantCulture),
        RealType real => real.Maximum.ToString(CultureInfo.InvariantCulture),
        TextType text => JsonSerializer.Serialize(text.Example == "claude-code" ? "command:sample" : text.Example == "0 5 * * *" ? "0 6 * * *" : text.Example == "127.0.0.1" ? "::1" : text.Example),
        ChoiceType choice => $"\"{choice.Values[^1]}\"",
        ListType { Element: WindowType } => """[{ "from": "22:00", "to": "06:00" }]""",
        ListType { Element: TextType element } => $"[{JsonSerializer.Serialize(element.Example)}]",
        ArgumentsType => "[\"a\", \"a\", \"\"]",
        MapType { Element: CommandsType } => """{ "r": [["a", "b"]] }""",
        MapType => """{ "A": "b" }""",
        StructureType structure => structure.Kind == NodeKind.Array ? "[]" : "{}",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No sample."),
    };

    private static string Serialize(ManagerConfiguration configuration) => JsonSerializer.Serialize(configuration, s_networksAsText);

    private static string Example(string name) => File.ReadAllText(Path.Combine(Root(), "docs", "examples", name));

    private static string Root()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "ClaudeManager.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new DirectoryNotFoundException("The repository's root is not above the tests.");
        }

        return directory;
    }

    /// <summary>Half of what an address has throws for the other family.</summary>
    private sealed class NetworkAsText : JsonConverter<IPNetwork>
    {
        public override IPNetwork Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, IPNetwork value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
