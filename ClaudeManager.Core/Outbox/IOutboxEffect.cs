using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.Outbox;

/// <summary>Writes into the store what an effect came to, in the transaction that marks its entry as done.</summary>
public delegate Task RecordEffect(StoreTransaction tx, CancellationToken ct);

/// <summary>One kind of effect on the outside. Delivery is at least once; the effect is exactly once because it is looked up by its marker before it is tried again.</summary>
public interface IOutboxEffect
{
    /// <summary>The <see cref="OutboxEntity.Kind"/> it carries out.</summary>
    string Kind { get; }

    /// <summary>Effects of a higher lane are carried out before those of a lower one, and their calls go first.</summary>
    GitHubLane Lane { get; }

    /// <summary>Has the effect, unless it is there already. An <see cref="OutboxEntity.Attempt"/> above 1 means that an earlier try may have had it: look for its marker first.</summary>
    /// <exception cref="Resilience.ClaudeManagerException">It did not happen, or nobody knows: a transient one is tried again, under the time it names.</exception>
    Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct);

    /// <summary>It will not be tried again. Says so where people look, in the transaction that gives the entry up.</summary>
    Task GiveUpAsync(StoreTransaction tx, OutboxEntity entry, string why, CancellationToken ct);
}
