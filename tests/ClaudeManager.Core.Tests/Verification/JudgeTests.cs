using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Verification;

namespace ClaudeManager.Core.Tests.Verification;

public sealed class JudgeTests
{
    private static readonly string[] s_test = ["run", "tests"];
    private static readonly string[] s_lint = ["lint"];
    private static readonly VerifyPlan s_plan = new([["fetch"]], [s_test], VerifyPlan.Detected, "", []);
    private static readonly Diff s_diff = new([new DiffFile("a.txt", null, 'M', DiffFile.ModeFile, DiffFile.ModeFile, 1, 1, false, "diff --git a/a.txt b/a.txt\n@@ -1 +1 @@\n-a\n+b\n")], true);

    [Fact]
    public void Judge_PassesBeforeAndAfter_Passes() => AssertVerdict(Verifier.Passed, Result(0), Result(0));

    [Fact]
    public void Judge_PassesOnlyAfter_PassesAndSaysSo() => AssertVerdict(Verifier.Passed, Result(1), Result(0), "failed before the change and passes now");

    [Fact]
    public void Judge_FailsOnlyAfter_Fails() => AssertVerdict(Verifier.Failed, Result(0), Result(1), "passed before the change and now fails with exit code 1");

    [Fact]
    public void Judge_TimesOutOnlyAfter_Fails() => AssertVerdict(Verifier.Failed, Result(0), Result(null, timedOut: true), "not done in time");

    [Fact]
    public void Judge_FailsAlikeBeforeAndAfter_IsNotTheAgentsFault()
        => AssertVerdict(Verifier.NotComparable, Result(1, "FAIL a (12 ms)\nfailed: 1 of 9 in /x/verify-before/tree"), Result(1, "FAIL a (31 ms)\nfailed: 1 of 9 in /x/verify-after/tree"), "not the agent's doing");

    [Fact]
    public void Judge_MissingPackagesWithoutNetwork_SaysWhatToSet()
        => AssertVerdict(Verifier.NotComparable, Result(1, "error NU1301: no source"), Result(1, "error NU1301: no source"), "executor.verifyNetwork");

    [Fact]
    public void Judge_NewFailureBesidesAnOldOne_FailsAndNamesIt()
        => AssertVerdict(Verifier.Failed, Result(1, "FAIL a\n"), Result(1, "FAIL a\nFAIL b\n"), "new failures: FAIL b");

    [Fact]
    public void Judge_NewLinesAfterACutOutput_CannotBeCompared()
        => AssertVerdict(Verifier.NotComparable, Result(1, OutputTail.Cut + "FAIL a\n"), Result(1, "FAIL a\nFAIL b\n"), "cannot be told");

    [Fact]
    public void Judge_OtherExitCodeWithoutNewFailureLines_CannotBeCompared() => AssertVerdict(Verifier.NotComparable, Result(1), Result(2), "in different ways");

    [Theory]
    [InlineData(null)]
    [InlineData(127)]
    public void Judge_ToolMissing_IsItsOwnProblemAndNotAFailure(int? exitCode)
        => AssertVerdict(Verifier.NotComparable, Result(exitCode, "'run' could not be started"), Result(exitCode, "'run' could not be started"), "could not be run on this machine: 'run' could not be started.");

    [Fact]
    public void Judge_NoResultFromBefore_CannotBeCompared() => AssertVerdict(Verifier.NotComparable, null, Result(1), "no result from before");

    [Fact]
    public void Judge_NoCommands_SaysNothingWasRun()
        => Assert.Equal(Verifier.NothingToRun, Verifier.Judge(s_plan with { Checks = [] }, SandboxLevel.Bwrap, [], [], s_diff, findingsLeft: 0).Verdict);

    [Fact]
    public void Judge_NoChange_FailsWhateverTheChecksSay()
    {
        var receipt = Verifier.Judge(s_plan, SandboxLevel.Bwrap, [Result(0)], [Result(0)], new Diff([], true), findingsLeft: null);
        Assert.Equal((Verifier.Failed, "Nothing was changed."), (receipt.Verdict, Assert.Single(receipt.Problems)));
        Assert.Null(receipt.FindingState);
    }

    [Fact]
    public void Judge_FindingStillThere_FailsWhateverTheChecksSay()
    {
        var receipt = Verifier.Judge(s_plan, SandboxLevel.Process, [Result(0)], [Result(0)], s_diff, findingsLeft: 1);
        Assert.Equal((Verifier.Failed, "present", SandboxLevel.Process), (receipt.Verdict, receipt.FindingState, receipt.Sandbox));
    }

    [Fact]
    public void Judge_TestTakenAway_FailsWhateverTheChecksSay()
    {
        var diff = new Diff([new DiffFile("tests/ATests.cs", null, 'D', DiffFile.ModeFile, 0, 0, 1, false, "diff --git a/tests/ATests.cs b/tests/ATests.cs\n@@ -1 +0,0 @@\n-[Fact]\n")], true);
        Assert.Equal(Verifier.Failed, Verifier.Judge(s_plan, SandboxLevel.Bwrap, [Result(0)], [Result(0)], diff, findingsLeft: 0).Verdict);
    }

    [Fact]
    public void Judge_OneCheckPassesAndOneFailsAsBefore_Passes()
    {
        var plan = s_plan with { Checks = [s_test, s_lint] };
        var lint = Result(1, "lint error") with { Command = s_lint };
        var receipt = Verifier.Judge(plan, SandboxLevel.Bwrap, [Result(0), lint], [Result(0), lint], s_diff, findingsLeft: 0);
        Assert.Equal(Verifier.Passed, receipt.Verdict);
        Assert.Contains("'lint' fails with exit code 1 in the same way", Assert.Single(receipt.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_OneCheckPassesAndOneCouldNotRun_DoesNotPass()
    {
        var plan = s_plan with { Checks = [s_test, s_lint] };
        var lint = Result(null) with { Command = s_lint };
        Assert.Equal(Verifier.NotComparable, Verifier.Judge(plan, SandboxLevel.Bwrap, [Result(0), lint], [Result(0), lint], s_diff, findingsLeft: 0).Verdict);
    }

    [Fact]
    public void Judge_PreparationFailed_SaysSo()
    {
        var fetch = Result(1) with { Command = ["fetch"] };
        var receipt = Verifier.Judge(s_plan, SandboxLevel.Bwrap, [fetch], [fetch], s_diff, findingsLeft: 0);
        Assert.Equal(Verifier.NotComparable, receipt.Verdict);
        Assert.Contains(receipt.Problems, p => p.StartsWith("'fetch', which fetches", StringComparison.Ordinal));
    }

    private static CheckResultDto Result(int? exitCode, string output = "", bool timedOut = false) => new(s_test, exitCode, 1, output, timedOut);

    private static void AssertVerdict(string verdict, CheckResultDto? before, CheckResultDto after, string? problem = null)
    {
        var receipt = Verifier.Judge(s_plan, SandboxLevel.Bwrap, before is null ? [] : [before], [after], s_diff, findingsLeft: 0);
        Assert.Equal((verdict, "gone"), (receipt.Verdict, receipt.FindingState));
        if (problem is null)
        {
            Assert.Empty(receipt.Problems);
        }
        else
        {
            Assert.Contains(problem, Assert.Single(receipt.Problems), StringComparison.Ordinal);
        }
    }
}
