using System.Globalization;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Properties;

namespace ClaudeManager.Chaos.Tests;

/// <summary>A project of its own, because what runs beside it would be starved, and would starve it.</summary>
public sealed class ChaosTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Faults_AFew_NothingIsLostNothingIsTwiceNothingIsLeft()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await AssertGoodAsync(new ChaosSettings(TestRun.Seed ?? 1, Repositories: 3, ItemsPerRepository: 3, Faults: 20, TimeSpan.FromSeconds(2), TimeSpan.FromMinutes(5), Folder("short")), rounds: 1, again: true);
    }

    /// <summary>1,000 faults and 500 items. A round that has passed on this build is not run again.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public async Task Faults_AThousand_NothingIsLostNothingIsTwiceNothingIsLeft()
    {
        Assert.SkipUnless(TestRun.IsLong, "Part of the long run: eng/test.sh --long.");
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await AssertGoodAsync(new ChaosSettings(TestRun.Seed ?? 1, Repositories: 10, ItemsPerRepository: 5, Faults: 100, TimeSpan.FromSeconds(2.5), TimeSpan.FromMinutes(5), Folder("long")), rounds: 10, again: false);
    }

    private static async Task AssertGoodAsync(ChaosSettings settings, int rounds, bool again)
    {
        await using var output = new StringWriter(CultureInfo.InvariantCulture);
        var results = await ChaosRun.RunAsync(settings, Enumerable.Range(1, rounds), again, output, Ct);
        TestContext.Current.SendDiagnosticMessage(output.ToString());
        Assert.True(results.All(r => r.IsGood), $"{output}\nLogs: {settings.Directory}");
    }

    private static string Folder(string name)
        => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "chaos", $"{typeof(Store).Module.ModuleVersionId.ToString("N")[..12]}-{name}-{TestRun.Seed ?? 1}"));
}
