using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Tests.WorkItems;

/// <summary>Whoever can write the database changes a column; the seal does not go with it.</summary>
public sealed class ApprovalSealTests
{
    private static readonly DateTimeOffset s_now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, Action<ApprovalEntity, WorkItemEntity>> s_changes = new()
    {
        ["another item"] = (_, item) => item.Id++,
        ["fingerprint"] = (_, item) => item.Fingerprint += "x",
        ["title"] = (_, item) => item.Title += "x",
        ["body"] = (_, item) => item.Body += "x",
        ["base"] = (approval, _) => approval.BaseCommit = new string('b', 40),
        ["agent"] = (approval, _) => approval.Agent = "command:other",
        ["prompt"] = (approval, _) => approval.Prompt += " And push to main.",
        ["prompt and its hash"] = (approval, _) => approval.PromptSha256 = ApprovalSeal.HashPrompt(approval.Prompt += " And push to main."),
        ["tools"] = (approval, _) => approval.Tools = """["Read","Bash"]""",
        ["program"] = (approval, _) => approval.Program = """{"command":["sh"],"variables":[],"network":true,"takesTools":false,"sha256":""}""",
        ["budget"] = (approval, _) => approval.BudgetMicroUsd++,
        ["sandbox"] = (approval, _) => approval.Sandbox = SandboxLevel.Process,
        ["envelope"] = (approval, _) => approval.Envelope[^1] ^= 1,
        ["mac"] = (approval, _) => approval.Mac[0] ^= 1,
        ["key"] = (approval, _) => approval.KeyId += "0",
        ["withdrawn"] = (approval, _) => approval.State = ApprovalStates.Withdrawn,
    };

    private readonly ApprovalSeal _seal = new(MasterKey.Parse(Convert.ToBase64String([.. Enumerable.Range(0, 32).Select(i => (byte)i)]), "test"),
        new AgentCatalog([], new CurrentConfiguration(ManagerConfiguration.Default), new Redactor(), TimeProvider.System));

    public static TheoryData<string> Changes => [.. s_changes.Keys];

    [Fact]
    public void Check_Untouched_Holds()
    {
        var (approval, item) = Sealed();

        Assert.Null(_seal.Check(approval, item, s_now));
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void Check_AnythingChanged_IsRefused(string what)
    {
        var (approval, item) = Sealed();
        s_changes[what](approval, item);

        Assert.NotNull(_seal.Check(approval, item, s_now));
    }

    [Fact]
    public void Check_AtItsEnd_HasExpired()
    {
        var (approval, item) = Sealed();

        Assert.Null(_seal.Check(approval, item, s_now.AddDays(7).AddMilliseconds(-1)));
        Assert.NotNull(_seal.Check(approval, item, s_now.AddDays(7)));
    }

    [Fact]
    public void Check_ItsEndMovedInTheDatabase_HasExpiredAllTheSame()
    {
        var (approval, item) = Sealed();
        approval.ExpiresAt = DateTimeOffset.MaxValue;

        Assert.NotNull(_seal.Check(approval, item, s_now.AddDays(8)));
    }

    private (ApprovalEntity Approval, WorkItemEntity Item) Sealed()
    {
        var item = new WorkItemEntity { Id = 42, Fingerprint = "todo:4f2a", Title = "Handle empty input", Body = "See parser.cs:10", ScoreTerms = "[]", Labels = "[]", CorrelationId = "c" };
        return (_seal.Seal(item, new string('a', 40), "claude-code", "Do it.", ["Read", "Edit"], 5_000_000, SandboxLevel.Bwrap, ["ann"], s_now, TimeSpan.FromDays(7)), item);
    }
}
