using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Core.Tests.GitHub;

internal static class Drain
{
    /// <summary>Carries out what is due, until nothing is; time passes for what has to wait, but not for hours. On PostgreSQL, whose own clock does not skip, a moment to write in may need some tries.</summary>
    public static async Task AllAsync(IServiceProvider services, SkippingTime time, CancellationToken ct)
    {
        for (var i = 0; i < 100; i++)
        {
            while (await services.GetRequiredService<OutboxDispatcher>().DispatchAsync(TestStore.Operation, ct))
            {
            }

            var next = await services.GetRequiredService<Store>().ReadAsync(
                (db, token) => db.Outbox.Where(o => OutboxStates.Open.Contains(o.State)).OrderBy(o => o.NotBefore).Select(o => o.NotBefore).FirstOrDefaultAsync(token), ct);
            if (next is null || next > time.GetUtcNow() + TimeSpan.FromHours(2))
            {
                return;
            }

            time.Advance(next.Value - time.GetUtcNow() + TimeSpan.FromSeconds(1));
        }
    }
}
