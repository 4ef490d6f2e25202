using ClaudeManager.Core.Git;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;

namespace ClaudeManager.Core.Tests.Publishing;

public sealed class BranchNameTests
{
    [Theory]
    [InlineData("Fix: the Parser (again)", "claude-manager/12-fix-the-parser-again")]
    [InlineData("", "claude-manager/12-work")]
    [InlineData("修复", "claude-manager/12-work")]
    [InlineData("../../HEAD.lock @{-1} ~^:?*[\\", "claude-manager/12-head-lock-1")]
    [InlineData("-rf --force", "claude-manager/12-rf-force")]
    [InlineData("a very long title that goes on for much longer than a branch", "claude-manager/12-a-very-long-title-that-goes-on-for-much")]
    public void For_Title_IsASafeName(string title, string expected) => Assert.Equal(expected, BranchName.For(12, title));

    [Fact]
    public Task For_AnyTitle_IsTakenByGit() => Gen.Select(Gen.Long[1, long.MaxValue], Gen.String).CheckAsync(async sample =>
    {
        var name = BranchName.For(sample.Item1, sample.Item2);
        var checkedName = await GitCommand.TryAsync(Path.GetTempPath(), ["check-ref-format", "--branch", name], TestContext.Current.CancellationToken);
        Assert.Equal((0, name), (checkedName.ExitCode, checkedName.Text));
    }, 40);
}
