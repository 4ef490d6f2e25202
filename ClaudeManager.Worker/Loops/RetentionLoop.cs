using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Worker.Loops;

/// <summary>Drops, once an hour, what the configuration says is too old to keep.</summary>
internal sealed class RetentionLoop(Retention retention, RepositoryRegistry repositories, Operation operation, TimeProvider time, ILogger<RetentionLoop> logger)
    : Loop(OperationCatalog.RetainStore, TimeSpan.FromHours(1), operation, new EventSignal(), time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await repositories.ForgetPreviewsAsync(ct).ConfigureAwait(false);
        return await retention.DropOldAsync(context, ct).ConfigureAwait(false);
    }
}
