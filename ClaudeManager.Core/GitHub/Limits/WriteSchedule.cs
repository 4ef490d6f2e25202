using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>
/// Gives every write its moment: at least a second after the one before, and never more content than GitHub allows in a minute or an hour. The moments are rows, so that the limits hold over
/// restarts and over all processes; the database's clock measures them. Moments are taken in order, so nobody takes one that is far off: whoever comes later with a higher lane would be after it.
/// </summary>
internal sealed class WriteSchedule(Store store)
{
    public const int ContentPerMinute = 80;
    public const int ContentPerHour = 500;

    public static readonly TimeSpan Spacing = TimeSpan.FromSeconds(1);

    // A second more than GitHub's: what left us evenly may arrive bunched.
    private static readonly TimeSpan s_minute = TimeSpan.FromSeconds(61);
    private static readonly TimeSpan s_hour = TimeSpan.FromSeconds(3601);

    private static readonly OperationContext s_operation = OperationContext.Create("github.reserve_write", "system:github");

    /// <summary>How far ahead a call may take its moment: so far, and one spacing, is what a write of a higher lane waits for those of lower ones. Whoever finds none so near comes back.</summary>
    public static TimeSpan Ahead(GitHubLane lane) => lane == GitHubLane.Interactive ? TimeSpan.FromSeconds(10) : TimeSpan.FromSeconds(2);

    /// <summary>Takes the next free moment, unless it is further away than <paramref name="patience"/>.</summary>
    /// <returns>How far away it is, and whether it was taken.</returns>
    public Task<(TimeSpan Wait, bool Taken)> ReserveAsync(string credential, bool createsContent, GitHubLane lane, TimeSpan patience, CancellationToken ct)
        => store.WriteAsync(s_operation, async (tx, token) =>
        {
            await tx.Db.LockGitHubCredentialAsync(credential, token).ConfigureAwait(false);
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            await tx.Db.GitHubWrites.Where(w => w.Credential == credential && w.At < now - s_hour).ExecuteDeleteAsync(token).ConfigureAwait(false);
            var slots = await LoadAsync(tx.Db, credential, token).ConfigureAwait(false);
            var at = slots.Next(now, createsContent, lane);
            var taken = at - now <= patience;
            if (taken)
            {
                tx.Db.GitHubWrites.Add(new GitHubWriteEntity { Credential = credential, At = at, CreatesContent = createsContent });
            }

            return (at - now, taken);
        }, ct);

    /// <summary>How long from now until so many more writes are sent, those that create content last, if nobody else sends any.</summary>
    /// <param name="pause">Nothing is sent before.</param>
    public Task<TimeSpan> ForecastAsync(string credential, GitHubBatch batch, GitHubLane lane, TimeSpan pause, CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var now = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var slots = await LoadAsync(db, credential, token).ConfigureAwait(false);
            var last = now + pause;
            for (var i = 0; i < batch.Writes + batch.Creations; i++)
            {
                var createsContent = i >= batch.Writes;
                last = slots.Next(now + pause, createsContent, lane);
                slots.Add(last, createsContent);
            }

            return last - now;
        }, ct);

    /// <summary>Content that may still be created this hour.</summary>
    public Task<int> ContentLeftAsync(string credential, CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var since = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false) - s_hour;
            return Math.Max(0, ContentPerHour - await db.GitHubWrites.CountAsync(w => w.Credential == credential && w.CreatesContent && w.At > since, token).ConfigureAwait(false));
        }, ct);

    private static async Task<Slots> LoadAsync(ManagerDbContext db, string credential, CancellationToken ct)
    {
        var content = await db.GitHubWrites.Where(w => w.Credential == credential && w.CreatesContent)
            .OrderByDescending(w => w.At).Take(ContentPerHour).Select(w => w.At).ToListAsync(ct).ConfigureAwait(false);
        var last = await db.GitHubWrites.Where(w => w.Credential == credential).OrderByDescending(w => w.At).Select(w => (DateTimeOffset?)w.At).FirstOrDefaultAsync(ct).ConfigureAwait(false);
        content.Reverse();
        return new Slots(content, last);
    }

    /// <param name="content">Moments of the newest content, oldest first.</param>
    private sealed class Slots(List<DateTimeOffset> content, DateTimeOffset? last)
    {
        private DateTimeOffset? _last = last;

        public DateTimeOffset Next(DateTimeOffset now, bool createsContent, GitHubLane lane)
        {
            var at = _last is { } previous && previous + Spacing > now ? previous + Spacing : now;
            return createsContent ? Latest(at, After(lane.PartOf(ContentPerMinute), s_minute), After(lane.PartOf(ContentPerHour), s_hour)) : at;
        }

        public void Add(DateTimeOffset at, bool createsContent)
        {
            _last = at;
            if (createsContent)
            {
                content.Add(at);
            }
        }

        /// <summary>When the oldest of the newest <paramref name="count"/> leaves the window.</summary>
        private DateTimeOffset? After(int count, TimeSpan window) => content.Count >= count ? content[^count] + window : null;

        private static DateTimeOffset Latest(DateTimeOffset at, params ReadOnlySpan<DateTimeOffset?> others)
        {
            foreach (var other in others)
            {
                at = other > at ? other.Value : at;
            }

            return at;
        }
    }
}
