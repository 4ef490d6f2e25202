using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs.Outcomes;

/// <summary>Finds out, once an interval over all processes, what became of everything that is published and waits.</summary>
public sealed class OutcomePoll(Store store, PullRequestOutcomes pullRequests, BranchOutcomes branches, CurrentConfiguration configuration)
{
    public TimeSpan Interval => configuration.Value.GitHub.PollInterval;

    private const string Turn = "outcomes.turn";

    public async Task PollAsync(OperationContext operation, CancellationToken ct)
    {
        if (await ClaimAsync(operation, ct).ConfigureAwait(false))
        {
            await branches.PollAsync(operation, ct).ConfigureAwait(false);
            await pullRequests.PollAsync(operation, ct).ConfigureAwait(false);
        }
    }

    private Task<bool> ClaimAsync(OperationContext operation, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(store.Time, token).ConfigureAwait(false);
            var turn = await tx.Db.Settings.AsTracking().FirstOrDefaultAsync(s => s.Key == Turn, token).ConfigureAwait(false);
            // Every process looks once an interval, each at its own moment: whoever comes first, a little early included, does it.
            if (turn is not null && turn.UpdatedAt > tx.Now - (Interval * 0.9))
            {
                return false;
            }

            if (turn is null)
            {
                turn = new SettingEntity { Key = Turn, Value = "" };
                tx.Db.Settings.Add(turn);
            }

            turn.UpdatedAt = tx.Now;
            return true;
        }, ct);
}
