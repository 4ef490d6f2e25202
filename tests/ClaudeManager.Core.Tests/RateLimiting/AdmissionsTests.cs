using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.RateLimiting;

namespace ClaudeManager.Core.Tests.RateLimiting;

/// <summary>The oracle of the histories has to see what it is there for.</summary>
public sealed class AdmissionsTests
{
    private static readonly RateLimit s_limit = new(10, TimeSpan.FromSeconds(1), 3);

    [Theory]
    [InlineData(new long[] { 0, 0, 0, 100_000, 200_000 }, false)]
    [InlineData(new long[] { 0, 0, 0, 99_000 }, true)]
    [InlineData(new long[] { 0, 0, 0, 0 }, true)]
    [InlineData(new long[] { 0, 500_000, 500_000, 500_000, 560_000 }, true)]
    [InlineData(new long[] { 0, 500_000, 500_000, 500_000, 600_000 }, false)]
    [InlineData(new long[] { 500_000, 0, 600_000, 500_000, 500_000, 610_000 }, true)]
    public void FindExcess_Instants_FindsTheWindow(long[] at, bool excess) => Assert.Equal(excess, Admissions.FindExcess(at.Select(t => new Admission(t, t)), s_limit) is not null);

    [Fact]
    public void FindExcess_AnswerMayHaveBeenLater_IsNoExcess()
        => Assert.Null(Admissions.FindExcess([new(0, 10), new(0, 10), new(0, 10), new(0, 100_000)], s_limit));
}
