using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs.Outcomes;

/// <summary>Why a run goes on with a result that is published already. Kept beside the run from its start, so that every attempt of it knows.</summary>
/// <param name="Head">Where the branch stood; the run's result becomes its child.</param>
/// <param name="Text">What the agent is told besides the approved prompt: reports of checks and reviews, quoted.</param>
public sealed record FollowUp(string Branch, string Head, int PullRequest, string Text)
{
    public static async Task<FollowUp?> FindAsync(ManagerDbContext db, long runId, CancellationToken ct)
        => await db.RunArtifacts.Where(a => a.RunId == runId && a.Kind == RunArtifacts.FollowUp).Select(a => a.Content).FirstOrDefaultAsync(ct).ConfigureAwait(false) is { } content
            ? Read(content) : null;

    /// <summary>All there ever were of a work item.</summary>
    public static async Task<IReadOnlyList<FollowUp>> ListAsync(ManagerDbContext db, long workItemId, CancellationToken ct)
        => [.. (await db.RunArtifacts.Where(a => a.Kind == RunArtifacts.FollowUp && db.Runs.Any(r => r.Id == a.RunId && r.WorkItemId == workItemId)).Select(a => a.Content).ToListAsync(ct).ConfigureAwait(false)).Select(Read)];

    /// <summary>Makes a run that is saved already one that goes on with this.</summary>
    public void AttachTo(StoreTransaction tx, long runId)
        => tx.Db.RunArtifacts.Add(new RunArtifactEntity { RunId = runId, Kind = RunArtifacts.FollowUp, Content = JsonSerializer.SerializeToUtf8Bytes(this, ManagerJson.Options), UpdatedAt = tx.Now });

    private static FollowUp Read(byte[] content) => JsonSerializer.Deserialize<FollowUp>(content, ManagerJson.Options)!;
}
