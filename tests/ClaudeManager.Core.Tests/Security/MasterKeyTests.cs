using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Testing;

namespace ClaudeManager.Core.Tests.Security;

public sealed class MasterKeyTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cm-key-").FullName;
    private readonly FakeLogger _log = new();

    private DataDirectory Data => new(Path.Combine(_directory, "data"));

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Load_DevelopmentWithoutAKey_MakesOneForTheOwnerOnlyAndWarns()
    {
        var made = MasterKey.Load(null, Data, "development", _log);
        var again = MasterKey.Load(null, Data, "production", _log);

        Assert.Equal(made.KeyId, again.KeyId);
        Assert.Contains(made.KeyId, Assert.Single(_log.Collector.GetSnapshot()).Message, StringComparison.Ordinal);
        Assert.Equal([Data.MasterKeyFile], Directory.GetFiles(Data.Root));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Data.MasterKeyFile));
        }
    }

    [Theory]
    [InlineData("production")]
    [InlineData("staging")]
    public void Load_ElsewhereWithoutAKey_RefusesAndMakesNothing(string environment)
    {
        var failure = Assert.Throws<CredentialException>(() => MasterKey.Load(null, Data, environment, _log));

        Assert.Equal("CM4001", failure.Code);
        Assert.False(Directory.Exists(Data.Root));
    }

    [Fact]
    public void Load_KeyFileOthersCanRead_Refuses()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix modes do not exist here.");
            return;
        }

        MasterKey.Load(null, Data, "development", _log);
        File.SetUnixFileMode(Data.MasterKeyFile, UnixFileMode.UserRead | UnixFileMode.GroupRead);

        Assert.Equal("CM4003", Assert.Throws<CredentialException>(() => MasterKey.Load(null, Data, "development", _log)).Code);
    }

    [Fact]
    public void Load_TruncatedKeyFile_RefusesInsteadOfMakingANewOne()
    {
        MasterKey.Load(null, Data, "development", _log);
        File.WriteAllText(Data.MasterKeyFile, "");

        Assert.Equal("CM4002", Assert.Throws<CredentialException>(() => MasterKey.Load(null, Data, "development", _log)).Code);
    }

    [Fact]
    public void Load_EnvironmentInBase64OrBase64Url_IsTheSameKeyAndBeatsTheFile()
    {
        MasterKey.Load(null, Data, "development", _log);
        byte[] key = [.. Enumerable.Repeat((byte)0xFB, 32)];
        var standard = MasterKey.Load(new SecretString(Convert.ToBase64String(key)), Data, "production", _log);
        var url = MasterKey.Load(new SecretString(System.Buffers.Text.Base64Url.EncodeToString(key)), Data, "production", _log);

        Assert.Equal(standard.KeyId, url.KeyId);
        Assert.NotEqual(standard.KeyId, MasterKey.Load(null, Data, "development", _log).KeyId);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("not base64 at all, but long enough to be one key")]
    public void Load_EnvironmentThatIsNoKey_RefusesWithoutShowingIt(string text)
    {
        var failure = Assert.Throws<CredentialException>(() => MasterKey.Load(new SecretString(text), Data, "development", _log));

        Assert.Equal("CM4002", failure.Code);
        Assert.False(text.Length > 0 && failure.ToString().Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public void DeriveKey_EachPurpose_HasItsOwnKeyByTheStandard()
    {
        byte[] master = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var key = MasterKey.Parse(Convert.ToBase64String(master), "test");

        var approval = key.DeriveKey("approval/v1");

        Assert.Equal(32, approval.Length);
        Assert.NotEqual(approval, key.DeriveKey("credential/v1"));
        Assert.NotEqual(master, approval);
        byte[] info = [.. Encoding.UTF8.GetBytes("approval/v1"), 1];
        Assert.Equal(HMACSHA256.HashData(HMACSHA256.HashData(new byte[32], master), info), approval);
    }

    [Fact]
    public async Task Verify_AnotherKeyThanTheStoreWasMadeWith_RefusesAndNamesBoth()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var services = new ServiceCollection().AddLogging().AddManagerStore(new StoreTarget.Sqlite(Path.Combine(_directory, "store.db"))).BuildServiceProvider();
        await services.GetRequiredService<DatabaseAdministration>().MigrateAsync(ct);
        var store = services.GetRequiredService<Store>();
        var key = MasterKey.Parse(Convert.ToBase64String(new byte[32]), "test");
        var other = MasterKey.Parse(Convert.ToBase64String([.. Enumerable.Repeat((byte)1, 32)]), "CREDENTIAL_ENCRYPTION_KEY");

        await key.VerifyAsync(store, ct);
        await key.VerifyAsync(store, ct);
        var failure = await Assert.ThrowsAsync<CredentialException>(() => other.VerifyAsync(store, ct));

        Assert.Equal("CM4004", failure.Code);
        Assert.Contains(key.KeyId, failure.Message, StringComparison.Ordinal);
        Assert.Contains(other.KeyId, failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, await store.ReadAsync((db, token) => db.AuditEntries.CountAsync(e => e.Action == "master_key.marked", token), ct));
    }

    [Fact]
    public async Task Verify_ManyProcessesMarkingANewStore_AllAgree()
    {
        var ct = TestContext.Current.CancellationToken;
        var target = new StoreTarget.Sqlite(Path.Combine(_directory, "store.db"));
        var hosts = Enumerable.Range(0, 4).Select(_ => new ServiceCollection().AddLogging().AddManagerStore(target).BuildServiceProvider()).ToList();
        await hosts[0].GetRequiredService<DatabaseAdministration>().MigrateAsync(ct);
        var key = MasterKey.Parse(Convert.ToBase64String(new byte[32]), "test");

        await Task.WhenAll(hosts.Select(h => Task.Run(() => key.VerifyAsync(h.GetRequiredService<Store>(), ct), ct)));

        Assert.Equal(1, await hosts[0].GetRequiredService<Store>().ReadAsync((db, token) => db.AuditEntries.CountAsync(token), ct));
        foreach (var host in hosts)
        {
            await host.DisposeAsync();
        }
    }
}
