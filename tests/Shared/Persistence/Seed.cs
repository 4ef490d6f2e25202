using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Tests.Shared.Persistence;

/// <summary>Rows as the product itself would have made them.</summary>
public static class Seed
{
    public static async Task<RepositoryEntity> RepositoryAsync(this TestStore store, string name, CancellationToken ct)
        => await store.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            var repository = new RepositoryEntity { Name = name, Location = "/srv/" + name, DefaultBranch = "main", Accepted = true, ScannedCommit = new string('a', 40), CreatedAt = tx.Now, UpdatedAt = tx.Now };
            tx.Db.Repositories.Add(repository);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            return repository;
        }, ct).ConfigureAwait(false);

    /// <summary>A proposed work item, approved and queued; the run's id.</summary>
    public static async Task<RunEntity> QueuedRunAsync(this TestStore store, RepositoryEntity repository, double score, CancellationToken ct, TimeSpan? validity = null, string agent = "command:test", bool pinned = false)
        => await store.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            var item = new WorkItemEntity
            {
                RepositoryId = repository.Id,
                Fingerprint = Guid.CreateVersion7().ToString("N") + Guid.CreateVersion7().ToString("N"),
                Title = "Address TODO in a.c:1",
                Body = "body",
                State = WorkItemState.Proposed,
                Score = score,
                ComputedScore = score,
                Pinned = pinned,
                ScoreTerms = "[]",
                Labels = "[]",
                CorrelationId = tx.Operation.CorrelationId,
                CreatedAt = tx.Now,
                UpdatedAt = tx.Now,
            };
            tx.Db.WorkItems.Add(item);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            var approval = store.Seal.Seal(item, repository.ScannedCommit!, agent, "Do it.", ["Read"], 1_000_000, SandboxLevel.Process, ["local:tester"], tx.Now, validity ?? TimeSpan.FromDays(1));
            tx.Db.Approvals.Add(approval);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Approved, null);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            var run = RunQueue.Enqueue(tx, item, approval);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            return run;
        }, ct).ConfigureAwait(false);
}
