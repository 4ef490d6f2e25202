using ClaudeManager.Core.Scanning.OutdatedDependencies;
using NuGet.Versioning;

namespace ClaudeManager.Core.Tests.Scanning.OutdatedDependencies;

public sealed class NpmRangeTests
{
    // Limits as node-semver documents them.
    [Theory]
    [InlineData("1.2.3", "1.2.3", "1.2.4")]
    [InlineData("=1.2.3", "1.2.3", "1.2.4")]
    [InlineData("^1.2.3", "1.99.0", "2.0.0")]
    [InlineData("^0.2.3", "0.2.99", "0.3.0")]
    [InlineData("^0.0.3", "0.0.3", "0.0.4")]
    [InlineData("^0.x", "0.9.0", "1.0.0")]
    [InlineData("~1.2.3", "1.2.99", "1.3.0")]
    [InlineData("~1", "1.99.0", "2.0.0")]
    [InlineData("1.x", "1.99.0", "2.0.0")]
    [InlineData("1.2", "1.2.99", "1.3.0")]
    [InlineData("1.2.3 - 2.3", "2.3.99", "2.4.0")]
    [InlineData(">= 1.2 < 3", "2.99.0", "3.0.0")]
    [InlineData("<1 || >=5.0.0 <6", "5.9.0", "6.0.0")]
    [InlineData("<=2", "2.9.0", "3.0.0")]
    [InlineData("v1.0.0", "1.0.0", "1.0.1")]
    public void Allows_TheLastVersionOfARangeAndNotTheNext(string range, string last, string next)
    {
        var parsed = NpmRange.Parse(range)!;

        Assert.True(parsed.Allows(NuGetVersion.Parse(last)));
        Assert.False(parsed.Allows(NuGetVersion.Parse(next)));
    }

    [Theory]
    [InlineData("^1.2.3", "1.2.3")]
    [InlineData("2.x || 1.4", "1.4.0")]
    [InlineData("1.2 - 3", "1.2.0")]
    [InlineData("<3", null)]
    public void Minimum_IsTheLowestThatIsTaken(string range, string? lowest)
        => Assert.Equal(lowest, NpmRange.Parse(range)!.Minimum?.ToNormalizedString());

    [Theory]
    [InlineData("")]
    [InlineData("next")]
    [InlineData("1.2.3.4")]
    [InlineData("^^1")]
    [InlineData("1 || ")]
    [InlineData("99999999999.0.0")]
    public void Parse_NoRange_IsNull(string text) => Assert.Null(NpmRange.Parse(text));
}
