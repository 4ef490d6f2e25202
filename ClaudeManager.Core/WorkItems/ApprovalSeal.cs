using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.WorkItems;

/// <summary>Signs an approval where it is decided and checks it at claim and at publish: whoever can only write the database cannot forge or widen one.</summary>
public sealed class ApprovalSeal(MasterKey key)
{
    public ApprovalEntity Seal(WorkItemEntity item, string baseCommit, string agent, string prompt, IReadOnlyList<string> tools, long budgetMicroUsd, SandboxLevel sandbox, IReadOnlyList<string> approvers, DateTimeOffset now, TimeSpan validity)
    {
        var envelope = new ApprovalEnvelope
        {
            WorkItemId = item.Id,
            Fingerprint = item.Fingerprint,
            ContentSha256 = ApprovalEnvelope.HashContent(item.Title, item.Body),
            PromptSha256 = HashPrompt(prompt),
            BaseCommit = baseCommit,
            Agent = agent,
            ToolPolicySha256 = ApprovalEnvelope.HashTools(tools),
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
            && envelope.ToolPolicySha256 == ApprovalEnvelope.HashTools(Tools(approval))
            && envelope.BudgetMicroUsd == approval.BudgetMicroUsd
            && envelope.Sandbox == approval.Sandbox;
        return !same ? "The approval is refused: what is stored is not what was signed."
            : envelope.ContentSha256 != ApprovalEnvelope.HashContent(item.Title, item.Body) ? "Changed since it was approved: look again."
            : null;
    }

    public static string HashPrompt(string prompt) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)));

    public static IReadOnlyList<string> Tools(ApprovalEntity approval) => JsonSerializer.Deserialize<string[]>(approval.Tools) ?? [];

    public static IReadOnlyList<string> Approvers(ApprovalEntity approval) => JsonSerializer.Deserialize<string[]>(approval.Approvers) ?? [];
}
