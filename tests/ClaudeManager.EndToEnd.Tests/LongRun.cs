using ClaudeManager.Tests.Shared.Properties;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>Tests that take minutes each run in <c>eng/test.sh --long</c> only.</summary>
internal static class LongRun
{
    public static void Require() => Assert.SkipUnless(TestRun.IsLong, "Part of the long run: eng/test.sh --long.");
}
