using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Persistence;
using Npgsql;

namespace ClaudeManager.Core.Tests.Configuration;

public sealed class StartupSettingsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cm-startup-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Load_BareMachine_UsesSqliteInTheUsersStateFolder()
    {
        var settings = Load(("HOME", _directory));

        var data = Path.Combine(_directory, ".local", "state", "claude-manager");
        Assert.Equal(data, settings.Data.Root);
        Assert.Equal(Path.Combine(data, "claude-manager.db"), Assert.IsType<StoreTarget.Sqlite>(settings.Store).File);
        Assert.Null(settings.ConfigurationFile);
        Assert.Equal(ModelCredentials.Anthropic, settings.Model.BaseUrl);
        Assert.False(Directory.Exists(data), "Looking must not create anything.");
    }

    [Fact]
    public void Load_StateHome_IsUsedOnlyWhenAbsolute()
    {
        Assert.Equal(Path.Combine(_directory, "claude-manager"), Load(("XDG_STATE_HOME", _directory), ("HOME", "/home/nobody")).Data.Root);
        Assert.Equal("/home/nobody/.local/state/claude-manager", Load(("XDG_STATE_HOME", "state"), ("HOME", "/home/nobody")).Data.Root);
    }

    [Fact]
    public void Load_NoHome_NamesTheOption()
    {
        var failure = Assert.Throws<ConfigurationException>(() => StartupSettings.Load(new StartupOptions(), new Dictionary<string, string>()));

        Assert.Equal("CM1005", Assert.Single(failure.Report.Findings).Code);
        Assert.Contains("--data", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DatabaseUrl_BeatsTheConnectionStringAndTheFile()
    {
        var file = Write("""{ "database": { "connection_string": "Host=file", "pool_settings": { "max_connections": 7 } } }""");
        var options = new StartupOptions { ConfigurationFile = file, DataDirectory = _directory };
        var variables = new Dictionary<string, string> { ["ConnectionStrings__claudemanager"] = "Host=aspire;Password=aspire-password" };

        Assert.Equal("aspire", Postgres(StartupSettings.Load(options, variables)).Host);
        variables["DATABASE_URL"] = "postgres://user:p%40ss%2Fword@db.example:6432/manager?sslmode=verify-full";
        var settings = StartupSettings.Load(options, variables);
        var target = Postgres(settings);

        Assert.Equal(("db.example", 6432, "manager", "user", "p@ss/word"), (target.Host, target.Port, target.Database, target.Username, target.Password));
        Assert.Equal((SslMode.VerifyFull, 7, 5), (target.SslMode, target.MaxPoolSize, target.MinPoolSize));
        Assert.Contains(settings.KnownSecrets, s => s.Reveal() == "p@ss/word");
        Assert.Equal("cli", Postgres(StartupSettings.Load(options with { Overrides = new Dictionary<string, string> { ["database.connection_string"] = "Host=cli" } }, variables)).Host);
    }

    [Theory]
    [InlineData("Host=db;Database=m;Username=u;Maximum Pool Size=3", "db", 3)]
    [InlineData("postgresql+psycopg2://u@db/m", "db", 20)]
    [InlineData("postgres://u@/m?host=/var/run/postgresql", "/var/run/postgresql", 20)]
    public void Load_OtherFormsOfDatabaseUrl_AreUnderstood(string url, string host, int pool)
    {
        var target = Postgres(Load(("DATABASE_URL", url), ("HOME", _directory)));

        Assert.Equal((host, pool, "m", "u"), (target.Host, target.MaxPoolSize, target.Database, target.Username));
    }

    [Theory]
    [InlineData("Host=db;Database=m;Username=u", 100)]
    [InlineData("Host=db;Database=m;Username=u;Max Auto Prepare=0", 0)]
    public void Load_Postgres_StatementsStayPrepared_UnlessTheAddressSaysOtherwise(string url, int prepared)
        => Assert.Equal(prepared, Postgres(Load(("DATABASE_URL", url), ("HOME", _directory))).MaxAutoPrepare);

    [Theory]
    [InlineData("sqlite:////var/lib/cm.db", "/var/lib/cm.db")]
    [InlineData("Data Source=/var/lib/cm.db", "/var/lib/cm.db")]
    public void Load_SqliteFile_IsUnderstood(string url, string file) => Assert.Equal(file, Assert.IsType<StoreTarget.Sqlite>(Load(("DATABASE_URL", url), ("HOME", _directory)).Store).File);

    [Theory]
    [InlineData("postgres://user:hunter2hunter2@db/m?hunter=2")]
    [InlineData("postgres://user:hunter2/hunter2@db:x/m")]
    [InlineData("Host=db;hunter2hunter2")]
    [InlineData("Host=db;Port=hunter2")]
    [InlineData("hunter2hunter2")]
    [InlineData("mysql://user:hunter2hunter2@db/m")]
    [InlineData("Password=hunter2hunter2")]
    public void Load_BadDatabaseUrl_IsRefusedWithoutQuotingIt(string url)
    {
        var failure = Assert.Throws<ConfigurationException>(() => Load(("DATABASE_URL", url), ("HOME", _directory)));

        Assert.Equal("CM1208", Assert.Single(failure.Report.Findings).Code);
        Assert.DoesNotContain("hunter2", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NamedFileThatIsMissing_IsAnError()
    {
        var failure = Assert.Throws<ConfigurationException>(() => StartupSettings.Load(new StartupOptions { ConfigurationFile = Path.Combine(_directory, "none.json"), DataDirectory = _directory }, new Dictionary<string, string>()));

        Assert.Equal("CM1001", Assert.Single(failure.Report.Findings).Code);
    }

    [Fact]
    public void Load_FileThatIsNotUtf8_IsAnError()
    {
        var file = Path.Combine(_directory, "latin1.json");
        File.WriteAllBytes(file, [(byte)'{', 0xE9, (byte)'}']);

        Assert.Equal("CM1001", Assert.Single(Refused(file).Report.Findings).Code);
    }

    [Fact]
    public void Load_FileEverybodyCanWrite_IsRefused()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix modes do not exist here.");
            return;
        }

        var file = Write("{}");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);

        Assert.Equal("CM1403", Assert.Single(Refused(file).Report.Findings).Code);
    }

    [Fact]
    public void Load_FileEverybodyCanRead_IsOnlyASuggestion()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix modes do not exist here.");
            return;
        }

        var file = Write("{}");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        var settings = StartupSettings.Load(new StartupOptions { ConfigurationFile = file, DataDirectory = _directory }, new Dictionary<string, string>());

        Assert.Equal("CM1404", Assert.Single(settings.Report.Findings).Code);
        Assert.Equal(file, settings.ConfigurationFile);
    }

    [Theory]
    [InlineData("""{ "compilerOptions": {} }""", false)]
    [InlineData("""{ "executor": {} }""", true)]
    [InlineData("""{ "executor": { """, true)]
    [InlineData("""{ "name": """, false)]
    [InlineData("""[]""", false)]
    public void LooksLikeOurs_AFileNobodyNamed_TellsOursFromOthers(string text, bool ours) => Assert.Equal(ours, ConfigurationLoader.LooksLikeOurs(text));

    [Fact]
    public void Load_RedisFromTheEnvironment_GoesBeforeTheFileAndItsPasswordIsKnown()
    {
        var file = Write("""{ "redis": { "connection": "file:6379", "key_prefix": "shop" } }""");
        var options = new StartupOptions { ConfigurationFile = file, DataDirectory = _directory };

        Assert.Equal("file:6379", StartupSettings.Load(options, new Dictionary<string, string>()).Configuration.Redis.Connection?.Reveal());
        var settings = StartupSettings.Load(options, new Dictionary<string, string> { ["ConnectionStrings__redis"] = "aspire:6380,password=redis-password" });

        Assert.Equal(("aspire:6380,password=redis-password", "shop"), (settings.Configuration.Redis.Connection?.Reveal(), settings.Configuration.Redis.KeyPrefix));
        Assert.Contains(settings.KnownSecrets, s => s.Reveal() == "redis-password");
    }

    [Fact]
    public void Load_SecretsOfTheEnvironment_AreKnownAndTyped()
    {
        var settings = Load(("HOME", _directory), ("ANTHROPIC_API_KEY", "sk-ant-key-of-test"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9000"), ("STRIPE_SECRET", "stripe-value"), ("ORDINARY", "visible-value"));

        Assert.Equal("sk-ant-key-of-test", settings.Model.ApiKey?.Reveal());
        Assert.Equal(9000, settings.Model.BaseUrl.Port);
        Assert.Equal(["sk-ant-key-of-test", "stripe-value"], settings.KnownSecrets.Select(s => s.Reveal()).Order());
        Assert.DoesNotContain("sk-ant", settings.ToString(), StringComparison.Ordinal);
    }

    private ConfigurationException Refused(string file)
        => Assert.Throws<ConfigurationException>(() => StartupSettings.Load(new StartupOptions { ConfigurationFile = file, DataDirectory = _directory }, new Dictionary<string, string>()));

    private static StartupSettings Load(params (string Name, string Value)[] variables) => StartupSettings.Load(new StartupOptions(), variables.ToDictionary(v => v.Name, v => v.Value));

    private static NpgsqlConnectionStringBuilder Postgres(StartupSettings settings) => new(Assert.IsType<StoreTarget.Postgres>(settings.Store).ConnectionString);

    private string Write(string text)
    {
        var file = Path.Combine(_directory, "config.json");
        File.WriteAllText(file, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return file;
    }
}
