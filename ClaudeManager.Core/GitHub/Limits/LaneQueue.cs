namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>
/// The order of one credential's calls in this process. They stand in lines, one for each budget that may be empty while others are not; in a line the higher lane goes first, then who came first. Only the
/// first of a line tries. While he has to wait nobody behind him tries, or what he waits for would be taken from under him; but who comes with a higher lane is before him at once.
/// </summary>
/// <param name="places">Calls under way at a time, of which each lane may take its part.</param>
internal sealed class LaneQueue(int places)
{
    private readonly Lock _lock = new();
    private readonly List<Ticket> _waiting = [];
    private readonly HashSet<string> _busy = new(StringComparer.Ordinal);
    private int _running;

    internal enum Stage
    {
        Waiting,

        /// <summary>Has the turn of its line.</summary>
        Trying,

        /// <summary>Has given its turn back, and tries again later.</summary>
        Asleep,
        Running,
        Gone,
    }

    /// <param name="line">Whose first it wants to be.</param>
    /// <param name="alone">Nobody else of its line tries while it is under way.</param>
    public Ticket Join(string line, bool alone, GitHubLane lane, DateTimeOffset deadline)
    {
        var ticket = new Ticket(this, line, alone, lane, deadline);
        lock (_lock)
        {
            _waiting.Insert(_waiting.FindLastIndex(t => t.Lane <= lane) + 1, ticket);
        }

        return ticket;
    }

    /// <summary>Gives their turn to all who can have it.</summary>
    private void Call()
    {
        var seen = new HashSet<string>(_busy, StringComparer.Ordinal);
        foreach (var ticket in _waiting)
        {
            if (seen.Add(ticket.Line) && ticket.Stage == Stage.Waiting && _running < ticket.Lane.PartOf(places))
            {
                _busy.Add(ticket.Line);
                _running++;
                ticket.Begin();
            }
        }
    }

    /// <summary>One call that waits for its turn, has it, or is under way. Disposed of, it is none of these.</summary>
    public sealed class Ticket : IDisposable
    {
        private readonly LaneQueue _queue;
        private readonly bool _alone;
        private readonly DateTimeOffset _deadline;
        private TaskCompletionSource<DateTimeOffset?> _turn = new();
        private DateTimeOffset _until;

        internal Ticket(LaneQueue queue, string line, bool alone, GitHubLane lane, DateTimeOffset deadline)
            => (_queue, Line, _alone, Lane, _deadline) = (queue, line, alone, lane, deadline);

        internal string Line { get; }

        internal GitHubLane Lane { get; }

        internal Stage Stage { get; private set; } = Stage.Asleep;

        /// <summary>Completes with null when it may try, and with a time when somebody before it waits until then, which is after its deadline.</summary>
        public Task<DateTimeOffset?> TurnAsync()
        {
            lock (_queue._lock)
            {
                _turn = new TaskCompletionSource<DateTimeOffset?>(TaskCreationOptions.RunContinuationsAsynchronously);
                (Stage, _until) = (Stage.Waiting, DateTimeOffset.MinValue);
                foreach (var before in _queue._waiting.TakeWhile(t => t != this))
                {
                    GiveUpBehind(before);
                }

                _queue.Call();
                return _turn.Task;
            }
        }

        /// <summary>It has to wait: its turn is the next one's, of a higher lane.</summary>
        public void Sleep(DateTimeOffset until)
        {
            lock (_queue._lock)
            {
                Release();
                (Stage, _until) = (Stage.Asleep, until);
                foreach (var behind in _queue._waiting.SkipWhile(t => t != this))
                {
                    behind.GiveUpBehind(this);
                }

                _queue.Call();
            }
        }

        /// <summary>It is sent now.</summary>
        public void Run()
        {
            lock (_queue._lock)
            {
                _queue._waiting.Remove(this);
                Stage = Stage.Running;
                if (!_alone)
                {
                    _queue._busy.Remove(Line);
                    _queue.Call();
                }
            }
        }

        public void Dispose()
        {
            lock (_queue._lock)
            {
                Release();
                Stage = Stage.Gone;
                _queue._waiting.Remove(this);
                _queue.Call();
            }
        }

        internal void Begin()
        {
            Stage = Stage.Trying;
            _turn.TrySetResult(null);
        }

        private void GiveUpBehind(Ticket before)
        {
            if (Stage == Stage.Waiting && before.Line == Line && before.Stage == Stage.Asleep && before._until > _deadline)
            {
                _turn.TrySetResult(before._until);
            }
        }

        private void Release()
        {
            if (Stage is Stage.Trying or Stage.Running)
            {
                _queue._running--;
                if (Stage == Stage.Trying || _alone)
                {
                    _queue._busy.Remove(Line);
                }
            }
        }
    }
}
