using System.Globalization;

namespace ClaudeManager.Tests.Shared.Properties;

/// <summary>What the person or the machine that runs the tests asked for.</summary>
public static class TestRun
{
    public const string LongVariable = "CM_TEST_LONG";
    public const string SeedVariable = "CM_TEST_SEED";

#pragma warning disable RS0030 // The test run's own settings, not the product's.
    /// <summary>Every count in full, and samples nobody has seen before: <c>eng/test.sh --long</c>.</summary>
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable(LongVariable) is "1";

    /// <summary>Where the samples of property tests begin, if somebody wants to see the same ones again.</summary>
    public static ulong? Seed { get; } = Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } seed ? ulong.Parse(seed, CultureInfo.InvariantCulture) : null;
#pragma warning restore RS0030
}
