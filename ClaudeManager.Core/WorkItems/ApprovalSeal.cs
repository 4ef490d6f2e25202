using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.WorkItems;

/// <summary>Signs an approval where it is decided and checks it at claim and at publish: whoever can only write the database cannot forge or widen one.</summary>
public sealed class ApprovalSeal(MasterKey key, AgentCatalog agents)
{
    /// <param name="program">What runs under the agent's name. Left out, the approval is stale as soon as the name stands for something.</param>
    public ApprovalEntity Seal(WorkItemEntity item, string baseCommit, string agent, string prompt, IReadOnlyList<string> tools, long budgetMicroUsd, SandboxLevel sandbox, IReadOnlyList<string> approvers, DateTimeOffset now, TimeSpan validity, AgentProgramDto? program = null)
    {
        var runs = program is null ? null : JsonSerializer.Serialize(program, ManagerJson.Options);
        var envelope = new ApprovalEnvelope
        {
            WorkItemId = item.Id,
            Fingerprint = item.Fingerprint,
            ContentSha256 = ApprovalEnvelope.HashContent(item.Title, item.Body),
            PromptSha256 = HashPrompt(prompt),
            BaseCommit = baseCommit,
            Agent = agent,
            ToolPolicySha256 = ApprovalEnvelope.HashTools(tools, runs),
            BudgetMicroUsd = budgetMicroUsd,
            Sandbox = sandbox,
            Approvers = approvers,
            ApprovedAt = now,
            ExpiresAt = now + validity,
        };
        var signed = envelope.Sign(key);
        return new ApprovalEntity
        {
            WorkItemId = item.Id,
            State = ApprovalStates.Active,
            Envelope = signed.Bytes,
            Mac = signed.Mac,
            KeyId = signed.KeyId,
            Agent = agent,
            BaseCommit = baseCommit,
            Prompt = prompt,
            PromptSha256 = envelope.PromptSha256,
            Tools = JsonSerializer.Serialize(tools),
            Program = runs,
            BudgetMicroUsd = budgetMicroUsd,
            Sandbox = sandbox,
            Approvers = JsonSerializer.Serialize(approvers),
            ApprovedAt = now,
            ExpiresAt = now + validity,
        };
    }

    /// <summary>What is wrong with an approval, in words; null when it holds for exactly this item and these columns.</summary>
    public string? Check(ApprovalEntity approval, WorkItemEntity item, DateTimeOffset now)
    {
        if (approval.State != ApprovalStates.Active)
        {
            return approval.StateReason ?? $"The approval is {approval.State}.";
        }

        ApprovalEnvelope? envelope;
        string? problem;
        try
        {
            envelope = new SignedEnvelope(approval.Envelope, approval.Mac, approval.KeyId).Verify(key, out problem);
        }
        catch (FormatException e)
        {
            return "The approval is refused: " + e.Message;
        }

        if (envelope is null)
        {
            return $"The approval is refused: {problem}.";
        }

        if (envelope.ExpiresAt <= now)
        {
            return "The approval has expired.";
        }

        var same = envelope.WorkItemId == item.Id
            && envelope.Fingerprint == item.Fingerprint
            && envelope.BaseCommit == approval.BaseCommit
            && envelope.Agent == approval.Agent
            && envelope.PromptSha256 == HashPrompt(approval.Prompt)
            && envelope.ToolPolicySha256 == ApprovalEnvelope.HashTools(Tools(approval), approval.Program)
            && envelope.BudgetMicroUsd == approval.BudgetMicroUsd
            && envelope.Sandbox == approval.Sandbox;
        return !same ? "The approval is refused: what is stored is not what was signed."
            : envelope.ContentSha256 != ApprovalEnvelope.HashContent(item.Title, item.Body) ? "Changed since it was approved: look again."
            : ChangedProgram(approval);
    }

    /// <summary>Whether the agent's name stands for something else than what was approved, in words. A name that stands for nothing is left to the gate of the agent: another worker may know it.</summary>
    /// <param name="executor">What the run goes by; null: as configured now.</param>
    public string? ChangedProgram(ApprovalEntity approval, ExecutorConfiguration? executor = null)
    {
        var approved = Program(approval);
        return agents.Describe(approval.Agent, executor) is not { } now || now.Sha256 == approved?.Sha256 ? null
            : approved is null ? $"What {approval.Agent} runs was not part of this approval: look again."
            : now.Command.SequenceEqual(approved.Command) ? $"The variables of {approval.Agent} have changed since it was approved: look again."
            : $"{approval.Agent} has changed since it was approved: it ran {Line(approved)}, and would now run {Line(now)}. Look again.";

        static string Line(AgentProgramDto program) => InertText.Title(program.CommandLine(), 200);
    }

    public static AgentProgramDto? Program(ApprovalEntity approval) => approval.Program is null ? null : JsonSerializer.Deserialize<AgentProgramDto>(approval.Program, ManagerJson.Options);

    public static string HashPrompt(string prompt) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)));

    public static IReadOnlyList<string> Tools(ApprovalEntity approval) => JsonSerializer.Deserialize<string[]>(approval.Tools) ?? [];

    public static IReadOnlyList<string> Approvers(ApprovalEntity approval) => JsonSerializer.Deserialize<string[]>(approval.Approvers) ?? [];
}
