using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Tests.Scanning;

/// <summary>The same problem seen by two scanners is one work item.</summary>
public sealed class RepetitionTests
{
    [Theory]
    [InlineData("#12", "#12")]
    [InlineData("12", "#12")]
    [InlineData("acme/app#12", "#12")]
    [InlineData("https://github.com/ACME/app/issues/12", "#12")]
    [InlineData("#13", "#12,#13")]
    [InlineData("acme/other#12", "#12,acme/other#12")]
    [InlineData("PROJ-12", "#12,PROJ-12")]
    public void WithoutRepetition_CommentAndIssueItWaitsFor_TheBetterRankedSpeaksForBoth(string comment, string expected)
    {
        var (stale, todo) = (Finding("stale-issues", "#12"), Finding("todo-comments", comment));

        var distinct = ProposalWriter.WithoutRepetition([todo, stale], [], f => f, f => f == stale ? 9 : 1, RepositoryName.Parse("acme/app"));

        Assert.Equal(expected.Split(','), distinct.Select(f => f.IssueReference));
    }

    [Fact]
    public void WithoutRepetition_ProposedByTheOtherScanner_IsNotProposedAgain()
        => Assert.Empty(ProposalWriter.WithoutRepetition([Finding("todo-comments", "#12")], [Finding("stale-issues", "#12")], f => f, _ => 1, RepositoryName.Parse("acme/app")));

    [Fact]
    public void WithoutRepetition_TwoCommentsOnOneIssueOrALocalRepository_AreAllDifferent()
    {
        FindingEntity[] comments = [Finding("todo-comments", "#12"), Finding("todo-comments", "#12")];

        Assert.Equal(2, ProposalWriter.WithoutRepetition(comments, [], f => f, _ => 1, RepositoryName.Parse("acme/app")).Count());
        Assert.Equal(2, ProposalWriter.WithoutRepetition([comments[0], Finding("stale-issues", "#12")], [], f => f, _ => 1, null).Count());
    }

    private static FindingEntity Finding(string scanner, string reference)
        => FindingMapping.Create(1, scanner, reference, FoundOccurrence.Of(reference, reference, 1, "m", "t", "", "", null, reference), "", DateTimeOffset.UnixEpoch);
}
