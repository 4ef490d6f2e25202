using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Errors;

/// <summary>
/// The faults of this process: how many of which kind lately, and the last ones in full. Bounded: kinds beyond the five hundredth push out the one not seen for longest. Texts are redacted and cut; they may still
/// quote what came from outside, so whoever shows them shows them as text.
/// </summary>
public sealed class ErrorTracker(Redactor redactor, TimeProvider time)
{
    public const int RecentKept = 1_000;
    public const int GroupsKept = 500;
    public const int LongestMessage = 1_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Operation, string Type, string Code, FailureClass Failure), Group> _groups = [];
    private readonly ErrorDto[] _recent = new ErrorDto[RecentKept];
    private long _recorded;

    public void Record(string operation, string? correlationId, Exception exception)
    {
        var (code, failure, type) = (Failures.CodeOf(exception), Failures.Classify(exception), exception.GetType().Name);
        var message = redactor.Redact(exception.Message);
        var context = (exception as ClaudeManagerException)?.Context ?? new FailureContext();
        var now = time.GetUtcNow();
        var error = new ErrorDto(
            now, operation, type, code, failure, message.Length > LongestMessage ? message[..LongestMessage] + "…" : message, correlationId, context.Repository, context.WorkItemId, context.RunId, context.Attempt);
        lock (_lock)
        {
            _recent[_recorded++ % RecentKept] = error;
            if (!_groups.TryGetValue((operation, type, code, failure), out var group))
            {
                if (_groups.Count == GroupsKept)
                {
                    _groups.Remove(_groups.MinBy(g => g.Value.LastSeen).Key);
                }

                group = _groups[(operation, type, code, failure)] = new Group(now);
            }

            group.LastSeen = now;
            group.Total++;
            group.Count.Add(now);
        }
    }

    /// <param name="recent">So many of the last ones.</param>
    /// <param name="groups">So many kinds, the ones seen last first.</param>
    public ErrorSummaryDto Read(int recent, int groups = GroupsKept)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            var last = new List<ErrorDto>(Math.Min(recent, RecentKept));
            for (var i = _recorded - 1; i >= Math.Max(0, _recorded - Math.Min(recent, RecentKept)); i--)
            {
                last.Add(_recent[i % RecentKept]);
            }

            return new ErrorSummaryDto(
                _recorded,
                [
                    .. _groups.OrderByDescending(g => g.Value.LastSeen).Take(groups).Select(g => new ErrorGroupDto(
                        g.Key.Operation, g.Key.Type, g.Key.Code, g.Key.Failure,
                        g.Value.Count.Within(now, TimeSpan.FromMinutes(1)), g.Value.Count.Within(now, TimeSpan.FromMinutes(5)), g.Value.Count.Within(now, SlidingCount.Longest),
                        g.Value.Total, g.Value.FirstSeen, g.Value.LastSeen)),
                ],
                last);
        }
    }

    private sealed class Group(DateTimeOffset firstSeen)
    {
        public DateTimeOffset FirstSeen { get; } = firstSeen;

        public DateTimeOffset LastSeen { get; set; }

        public long Total { get; set; }

        public SlidingCount Count { get; } = new();
    }
}
