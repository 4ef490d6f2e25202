using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.WorkItems;

/// <summary>The only place where a work item changes state: a table of what may follow what, one audit entry and one event with each change.</summary>
public static class WorkItemStateMachine
{
    private static readonly Dictionary<WorkItemState, WorkItemState[]> s_allowed = new()
    {
        [WorkItemState.Proposed] = [WorkItemState.Approved, WorkItemState.Rejected, WorkItemState.Snoozed, WorkItemState.Closed, WorkItemState.Quarantined, WorkItemState.Done],
        [WorkItemState.Approved] = [WorkItemState.Queued, WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Snoozed, WorkItemState.Closed, WorkItemState.Conflict, WorkItemState.Done],
        [WorkItemState.Queued] = [WorkItemState.Running, WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Parked, WorkItemState.Quarantined, WorkItemState.Closed, WorkItemState.Conflict, WorkItemState.Done],
        [WorkItemState.Running] = [WorkItemState.Review, WorkItemState.Proposed, WorkItemState.Queued, WorkItemState.Parked, WorkItemState.Conflict, WorkItemState.Quarantined, WorkItemState.Closed],
        [WorkItemState.Review] = [WorkItemState.Done, WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Queued, WorkItemState.Conflict, WorkItemState.Closed],
        [WorkItemState.Parked] = [WorkItemState.Queued, WorkItemState.Running, WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Closed, WorkItemState.Quarantined, WorkItemState.Done],
        [WorkItemState.Conflict] = [WorkItemState.Done, WorkItemState.Proposed, WorkItemState.Queued, WorkItemState.Rejected, WorkItemState.Review, WorkItemState.Closed],
        [WorkItemState.Snoozed] = [WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Closed],
        [WorkItemState.Rejected] = [WorkItemState.Proposed, WorkItemState.Closed],
        [WorkItemState.Quarantined] = [WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Closed],
        [WorkItemState.Closed] = [WorkItemState.Proposed, WorkItemState.Done],
        [WorkItemState.Done] = [WorkItemState.Proposed],
    };

    public static bool Allows(WorkItemState from, WorkItemState to) => s_allowed[from].Contains(to);

    /// <summary>Moves a tracked item on. Throws <see cref="InvalidOperationException"/> for a transition the table does not have: asking first is the caller's.</summary>
    /// <param name="reason">In words for people; kept on the item.</param>
    public static void Move(StoreTransaction tx, WorkItemEntity item, WorkItemState to, string? reason, AuditSeverity severity = AuditSeverity.Low)
    {
        var from = item.State;
        if (!Allows(from, to))
        {
            throw new InvalidOperationException($"Work item {item.Id} cannot go from {from} to {to}.");
        }

        item.State = to;
        item.StateReason = reason;
        if (to != WorkItemState.Snoozed)
        {
            item.SnoozedUntil = null;
        }

        Touch(tx, item);
        tx.Audit(new AuditRecord(
            to is WorkItemState.Approved or WorkItemState.Rejected ? "approval" : "work_item",
            "work_item." + ManagerJson.Name(to),
            "work_item",
            item.Id.ToString(System.Globalization.CultureInfo.InvariantCulture),
            severity,
            Details: new Dictionary<string, object?> { ["from"] = ManagerJson.Name(from), ["reason"] = reason }));
        tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(to), item.Title);
    }

    /// <summary>Marks any other change of an item, so that nobody decides on a version they have not seen, and its issue on GitHub follows.</summary>
    public static void Touch(StoreTransaction tx, WorkItemEntity item)
    {
        tx.ChangedItems.Add(item);
        item.Version++;
        item.UpdatedAt = tx.Now;
    }
}
