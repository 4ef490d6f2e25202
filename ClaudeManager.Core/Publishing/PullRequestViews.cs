using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Publishing;

/// <summary>Pull requests as the wire shows them. A follow-up pushes onto the branch of the run before it, so several runs share one.</summary>
internal static class PullRequestViews
{
    public static PullRequestDto ToDto(this PullRequestEntity pull) => new(pull.Repository, pull.Number, pull.Url, pull.State, pull.Checks);

    public static Task<PullRequestEntity?> FindAsync(ManagerDbContext db, RunEntity run, CancellationToken ct)
        => db.PullRequests.OrderByDescending(p => p.RunId).FirstOrDefaultAsync(p => p.WorkItemId == run.WorkItemId && run.Branch != null && p.HeadBranch == run.Branch, ct);

    /// <summary>Of many runs, by work item and branch.</summary>
    public static async Task<ILookup<(long WorkItemId, string? Branch), PullRequestDto>> ListAsync(ManagerDbContext db, IReadOnlyCollection<RunEntity> runs, CancellationToken ct)
    {
        var items = runs.Where(r => r.Branch is not null).Select(r => r.WorkItemId).ToHashSet();
        var found = items.Count == 0 ? [] : await db.PullRequests.Where(p => items.Contains(p.WorkItemId)).OrderByDescending(p => p.RunId).ToListAsync(ct).ConfigureAwait(false);
        return found.ToLookup(p => (p.WorkItemId, (string?)p.HeadBranch), p => p.ToDto());
    }
}
