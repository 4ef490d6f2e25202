namespace ClaudeManager.EndToEnd.Tests;

/// <summary>Tests that take minutes each run in <c>eng/test.sh --long</c> only.</summary>
internal static class LongRun
{
#pragma warning disable RS0030 // The test run's own setting, not the product's.
    public static void Require() => Assert.SkipUnless(Environment.GetEnvironmentVariable("CM_TEST_LONG") is "1", "Part of the long run: eng/test.sh --long.");
#pragma warning restore RS0030
}
