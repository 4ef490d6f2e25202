using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.Errors;

public sealed class ErrorTrackerTests
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 24, 3, 0, 0, TimeSpan.Zero);
    private readonly FakeTimeProvider _time = new(s_start);
    private readonly Redactor _redactor = new();
    private readonly ErrorTracker _tracker;

    public ErrorTrackerTests() => _tracker = new ErrorTracker(_redactor, _time);

    [Fact]
    public void Record_CountsByKind_AndKeepsTheContext()
    {
        _tracker.Record("run", "c1", new WorkspaceException(ErrorCodes.WorkNotCollected, "No space.") { Context = new FailureContext("acme/app", 7, 8, 2) });
        _time.Advance(TimeSpan.FromSeconds(30));
        _tracker.Record("run", "c2", new WorkspaceException(ErrorCodes.WorkNotCollected, "No space again."));
        _tracker.Record("scan", "c3", new HttpRequestException("down"));

        var summary = _tracker.Read(10);
        Assert.Equal((3L, 2), (summary.Total, summary.Groups.Count));
        var group = summary.Groups.Single(g => g.Operation == "run");
        Assert.Equal(new ErrorGroupDto("run", nameof(WorkspaceException), "CM6001", FailureClass.Infrastructure, 2, 2, 2, 2, s_start, s_start.AddSeconds(30)), group);
        Assert.Equal(["c3", "c2", "c1"], summary.Recent.Select(r => r.CorrelationId));
        Assert.Equal(("acme/app", 7L, 8L, 2), (summary.Recent[2].Repository, summary.Recent[2].WorkItemId, summary.Recent[2].RunId, summary.Recent[2].Attempt));
        Assert.Equal(("CM9000", FailureClass.Transient), (summary.Recent[0].Code, summary.Recent[0].Failure));
    }

    [Fact]
    public void Record_SecretsAndLongTexts_AreNotKept()
    {
        _redactor.Learn(new SecretString("hunter2-hunter2"));
        _tracker.Record("run", null, new InvalidOperationException("token hunter2-hunter2 " + new string('x', 5_000)));
        var message = Assert.Single(_tracker.Read(1).Recent).Message;
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
        Assert.Equal(ErrorTracker.LongestMessage + 1, message.Length);
    }

    [Fact]
    public void Record_MoreThanIsKept_DropsTheOldest()
    {
        for (var i = 0; i < ErrorTracker.RecentKept + 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _tracker.Record($"operation {i % (ErrorTracker.GroupsKept + 1)}", $"{i}", new InvalidOperationException());
        }

        var summary = _tracker.Read(int.MaxValue);
        Assert.Equal((ErrorTracker.RecentKept, ErrorTracker.GroupsKept, ErrorTracker.RecentKept + 5L), (summary.Recent.Count, summary.Groups.Count, summary.Total));
        Assert.Equal(("1004", "5"), (summary.Recent[0].CorrelationId, summary.Recent[^1].CorrelationId));
    }

    [Fact]
    public void Read_Windows_AgreeWithAListOfAllThatHappened()
        => Gen.Int[0, 900].Array[1, 60].Check(pauses =>
        {
            var time = new FakeTimeProvider(s_start);
            var tracker = new ErrorTracker(new Redactor(), time);
            var happened = new List<DateTimeOffset>();
            foreach (var pause in pauses)
            {
                time.Advance(TimeSpan.FromSeconds(pause));
                tracker.Record("x", null, new InvalidOperationException());
                happened.Add(time.GetUtcNow());
                var group = Assert.Single(tracker.Read(0).Groups);
                Assert.Equal((Within(1), Within(5), Within(60)), (group.LastMinute, group.LastFiveMinutes, group.LastHour));
            }

            time.Advance(TimeSpan.FromHours(2));
            Assert.Equal((0, (long)pauses.Length), (tracker.Read(0).Groups[0].LastHour, tracker.Read(0).Groups[0].Total));

            // Counted in slots of ten seconds, the one of this moment included.
            int Within(int minutes)
            {
                var first = (time.GetUtcNow().UtcTicks / TimeSpan.TicksPerSecond / 10) - (minutes * 6) + 1;
                return happened.Count(h => h.UtcTicks / TimeSpan.TicksPerSecond / 10 >= first);
            }
        });

    [Fact]
    public async Task Record_FromManyThreads_LosesNothing()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                _tracker.Record($"operation {i % 4}", null, new InvalidOperationException());
            }
        })));

        var summary = _tracker.Read(ErrorTracker.RecentKept);
        Assert.Equal(16_000, summary.Total);
        Assert.Equal([4_000L, 4_000L, 4_000L, 4_000L], summary.Groups.Select(g => g.Total));
        Assert.All(summary.Recent, Assert.NotNull);
    }
}
