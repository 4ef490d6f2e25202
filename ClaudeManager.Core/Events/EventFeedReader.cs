using System.Globalization;
using System.Runtime.CompilerServices;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Events;

/// <summary>
/// The live feed: everything after a given id, then what comes, without a gap and without a repeat. Ids are <c>tx.id</c>; on PostgreSQL an event is read only when no transaction that could
/// still commit an earlier one is open.
/// </summary>
public sealed class EventFeedReader(Store store, EventSignal signal)
{
    private const int BatchSize = 500;
    private static readonly TimeSpan s_poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_heartbeat = TimeSpan.FromSeconds(15);

    /// <param name="lastEventId">Null: from now on. An id that is not ours, or older than what is kept, gives a <c>reset</c>: load everything again.</param>
    public async IAsyncEnumerable<ChangeEventDto> ReadAsync(string? lastEventId, [EnumeratorCancellation] CancellationToken ct)
    {
        using var listener = signal.Listen();
        var newest = await NewestAsync(ct).ConfigureAwait(false);
        var at = newest;
        var type = "hello";
        if (lastEventId is not null)
        {
            if (TryParse(lastEventId) is { } given && await IsKeptAsync(given, ct).ConfigureAwait(false))
            {
                at = given;
            }
            else
            {
                type = "reset";
            }
        }

        // At once, or no header reaches the client before the first event.
        yield return new ChangeEventDto(Format(at), type, null, null, null, store.Time.GetUtcNow());
        var quietSince = store.Time.GetTimestamp();
        IReadOnlyDictionary<long, ScanProgressDto> scans = new Dictionary<long, ScanProgressDto>();
        long? lookedAt = null;
        while (true)
        {
            var position = at;
            var batch = await store.ReadAsync((db, token) => db.SettledEventsAfter(position.Tx, position.Id).Take(BatchSize).ToListAsync(token), ct).ConfigureAwait(false);
            foreach (var e in batch)
            {
                at = (e.Tx, e.Id);
                yield return ToDto(e);
            }

            if (batch.Count > 0)
            {
                quietSince = store.Time.GetTimestamp();
                if (batch.Count == BatchSize)
                {
                    continue;
                }
            }
            else if (store.Time.GetElapsedTime(quietSince) >= s_heartbeat)
            {
                quietSince = store.Time.GetTimestamp();
                yield return new ChangeEventDto(Format(at), "heartbeat", null, null, null, store.Time.GetUtcNow());
            }

            if (lookedAt is null || store.Time.GetElapsedTime(lookedAt.Value) >= s_poll)
            {
                lookedAt = store.Time.GetTimestamp();
                var before = scans;
                scans = await store.ReadAsync((db, token) => RunningScan.ListAsync(db, store.Time, token), ct).ConfigureAwait(false);
                foreach (var id in before.Keys.Union(scans.Keys).Where(id => before.GetValueOrDefault(id) != scans.GetValueOrDefault(id)))
                {
                    // Not stored: whoever resumes from the event before misses nothing. The last one tells that a scan has ended, or that its process has.
                    yield return new ChangeEventDto(Format(at), "scan.progress", "repository", id, null, store.Time.GetUtcNow());
                }
            }

            await listener.WaitAsync(s_poll, store.Time, ct).ConfigureAwait(false);
        }
    }

    public Task<IReadOnlyList<ActivityDto>> RecentAsync(int take, CancellationToken ct)
        => store.ReadAsync<IReadOnlyList<ActivityDto>>(async (db, token) =>
            [.. await db.Events.Where(e => e.Type != "run.output").OrderByDescending(e => e.Id).Take(take)
                .Select(e => new ActivityDto(e.At, e.Type, (e.State ?? "") + (e.Text == null ? "" : " · " + e.Text), e.SubjectType, e.SubjectId)).ToListAsync(token).ConfigureAwait(false)], ct);

    private Task<(ulong Tx, long Id)> NewestAsync(CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var last = await db.Events.OrderByDescending(e => e.Tx).ThenByDescending(e => e.Id).FirstOrDefaultAsync(token).ConfigureAwait(false);
            return last is null ? (0UL, 0L) : (last.Tx, last.Id);
        }, ct);

    /// <summary>An id is good while the event it names, or an older one, is still there: then nothing after it was dropped. 0.0 is given out by an empty store only.</summary>
    private Task<bool> IsKeptAsync((ulong Tx, long Id) given, CancellationToken ct)
        => given.Id == 0
            ? Task.FromResult(true)
            : store.ReadAsync(async (db, token) => await db.Events.AnyAsync(e => e.Id <= given.Id, token).ConfigureAwait(false) && await db.Events.AnyAsync(e => e.Id >= given.Id, token).ConfigureAwait(false), ct);

    private static ChangeEventDto ToDto(EventEntity e) => new(Format((e.Tx, e.Id)), e.Type, e.SubjectType, e.SubjectId, e.State, e.At);

    private static string Format((ulong Tx, long Id) at) => string.Create(CultureInfo.InvariantCulture, $"{at.Tx}.{at.Id}");

    private static (ulong Tx, long Id)? TryParse(string text)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        return dot > 0
            && ulong.TryParse(text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var tx)
            && long.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? (tx, id) : null;
    }
}
