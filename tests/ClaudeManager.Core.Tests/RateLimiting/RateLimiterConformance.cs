using ClaudeManager.Core.RateLimiting;

namespace ClaudeManager.Core.Tests.RateLimiting;

/// <summary>What every limiter must do, wherever it counts. Limits that say "an hour" do not grow back while a test runs.</summary>
public abstract class RateLimiterConformance
{
    private protected static readonly TimeSpan s_hour = TimeSpan.FromHours(1);

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract IRateLimiter Limiter { get; }

    /// <summary>Lets time pass until it is so.</summary>
    protected abstract Task EventuallyAsync(Func<Task<bool>> look);

    private protected static RateScope Scope(string key, int burst, int cost = 1) => new(key, new RateLimit(burst, s_hour, burst), cost);

    private protected async Task<RateDecision> AskAsync(params RateScope[] scopes) => await Limiter.AcquireAsync(scopes, Ct);

    [Fact]
    public async Task Acquire_AsOftenAsTheBurst_IsAllowedThenRefused()
    {
        for (var left = 4; left >= 0; left--)
        {
            var allowed = await AskAsync(Scope("a", 5));
            Assert.True(allowed.Allowed);
            Assert.Equal((left, TimeSpan.Zero), (Assert.Single(allowed.Scopes).Remaining, allowed.RetryAfter));
        }

        var refused = await AskAsync(Scope("a", 5));
        Assert.False(refused.Allowed);
        Assert.Equal(0, refused.Scopes[0].Remaining);
        Assert.InRange(refused.RetryAfter, s_hour / 6, s_hour / 5);
        Assert.InRange(refused.Scopes[0].Reset, s_hour * 0.9, s_hour);
    }

    [Fact]
    public async Task Acquire_OneScopeHasTooLittle_ChargesNone()
    {
        Assert.True((await AskAsync(Scope("narrow", 1))).Allowed);

        var refused = await AskAsync(Scope("wide", 5), Scope("narrow", 1), Scope("other", 5));

        Assert.False(refused.Allowed);
        Assert.Equal([5, 0, 5], refused.Scopes.Select(s => s.Remaining));
        Assert.Equal([true, false, true], refused.Scopes.Select(s => s.RetryAfter == TimeSpan.Zero));
        Assert.Equal(4, (await AskAsync(Scope("wide", 5))).Scopes[0].Remaining);
        Assert.Equal(4, (await AskAsync(Scope("other", 5))).Scopes[0].Remaining);
    }

    [Fact]
    public async Task Acquire_SeveralScopes_ChargesEachItsCost()
    {
        var allowed = await AskAsync(Scope("a", 10, cost: 3), Scope("b", 20, cost: 5), Scope("c", 30));

        Assert.True(allowed.Allowed);
        Assert.Equal([7, 15, 29], allowed.Scopes.Select(s => s.Remaining));
    }

    [Fact]
    public async Task Acquire_CostAboveWhatIsLeft_IsRefusedAndASmallerOneIsNot()
    {
        Assert.True((await AskAsync(Scope("a", 10, cost: 7))).Allowed);

        Assert.False((await AskAsync(Scope("a", 10, cost: 4))).Allowed);
        Assert.True((await AskAsync(Scope("a", 10, cost: 3))).Allowed);
        Assert.False((await AskAsync(Scope("a", 10))).Allowed);
    }

    [Fact]
    public async Task Acquire_SeveralRefused_SaysToWaitForTheLongest()
    {
        var quick = new RateScope("quick", new RateLimit(1, TimeSpan.FromMinutes(1), 1));
        var slow = new RateScope("slow", new RateLimit(1, s_hour, 1));
        Assert.True((await AskAsync(quick, slow)).Allowed);

        var refused = await AskAsync(slow, quick);

        Assert.InRange(refused.RetryAfter, TimeSpan.FromMinutes(50), s_hour);
        Assert.InRange(refused.Scopes[1].RetryAfter, TimeSpan.FromMicroseconds(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Acquire_AnotherKeyOrAnotherLimit_IsAnotherAccount()
    {
        Assert.True((await AskAsync(Scope("a", 1))).Allowed);

        Assert.False((await AskAsync(Scope("a", 1))).Allowed);
        Assert.True((await AskAsync(Scope("b", 1))).Allowed);
        Assert.True((await AskAsync(Scope("a", 2))).Allowed);
    }

    [Fact]
    public async Task Acquire_Refused_IsAdmittedWhenItSaid()
    {
        var scope = new RateScope("a", new RateLimit(1, TimeSpan.FromMilliseconds(300), 1));
        Assert.True((await AskAsync(scope)).Allowed);
        var wait = TimeSpan.MaxValue;

        await EventuallyAsync(async () =>
        {
            var next = await AskAsync(scope);
            Assert.True(next.RetryAfter < wait, "The wait grows shorter as time passes.");
            wait = next.RetryAfter;
            return next.Allowed;
        });
    }

    [Fact]
    public async Task Acquire_ManyAtOnce_AdmitsTheBurstAndNoMore()
    {
        var decisions = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => AskAsync(Scope("all", 50), Scope($"one-{i % 10}", 7)), Ct)));

        Assert.Equal(50, decisions.Count(d => d.Allowed));
        Assert.Equal(0, (await AskAsync(Scope("all", 50))).Scopes[0].Remaining);
    }

    [Fact]
    public async Task Acquire_WhatCanNeverBeAdmitted_IsNoQuestion()
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(() => AskAsync());
        await Assert.ThrowsAnyAsync<ArgumentException>(() => AskAsync(Scope("a", 2, cost: 3)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => AskAsync(Scope("a", 2, cost: 0)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => AskAsync(Scope("a", 2), Scope("b", 2), Scope("a", 2)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => AskAsync([.. Enumerable.Range(0, 17).Select(i => Scope($"{i}", 1))]));
    }

    [Fact]
    public async Task Enter_AllPlacesTaken_IsRefusedUntilOneLeaves()
    {
        var scope = new SlotScope("agents", 2, s_hour);
        Assert.True((await Limiter.EnterAsync(scope, "one", Ct)).Taken);
        Assert.True((await Limiter.EnterAsync(scope, "two", Ct)).Taken);

        var refused = await Limiter.EnterAsync(scope, "three", Ct);
        Assert.False(refused.Taken);
        Assert.InRange(refused.RetryAfter, s_hour * 0.9, s_hour);

        await Limiter.LeaveAsync(scope, "nobody", Ct);
        Assert.False((await Limiter.EnterAsync(scope, "three", Ct)).Taken);
        await Limiter.LeaveAsync(scope, "one", Ct);
        Assert.True((await Limiter.EnterAsync(scope, "three", Ct)).Taken);
        Assert.False((await Limiter.EnterAsync(scope, "one", Ct)).Taken);
        Assert.True((await Limiter.EnterAsync(scope with { Key = "others" }, "one", Ct)).Taken);
    }

    [Fact]
    public async Task Enter_Again_KeepsThePlaceAndTakesNoSecond()
    {
        var scope = new SlotScope("agents", 2, s_hour);
        for (var i = 0; i < 5; i++)
        {
            Assert.True((await Limiter.EnterAsync(scope, "one", Ct)).Taken);
        }

        Assert.True((await Limiter.EnterAsync(scope, "two", Ct)).Taken);
        Assert.True((await Limiter.EnterAsync(scope, "one", Ct)).Taken);
    }

    [Fact]
    public async Task Enter_HolderIsGone_ItsPlaceIsFreeAfterTheLeaseAndItsOwnNoMore()
    {
        var scope = new SlotScope("agents", 1, TimeSpan.FromMilliseconds(200));
        Assert.True((await Limiter.EnterAsync(scope, "crashed", Ct)).Taken);

        await EventuallyAsync(async () => (await Limiter.EnterAsync(scope with { Lease = s_hour }, "next", Ct)).Taken);

        Assert.False((await Limiter.EnterAsync(scope, "crashed", Ct)).Taken);
    }

    [Fact]
    public async Task Enter_RenewedInTime_OutlivesTheFirstLease()
    {
        var brief = new SlotScope("agents", 2, TimeSpan.FromMilliseconds(100));
        Assert.True((await Limiter.EnterAsync(brief, "stays", Ct)).Taken);
        Assert.True((await Limiter.EnterAsync(brief with { Lease = s_hour }, "stays", Ct)).Taken);
        Assert.True((await Limiter.EnterAsync(brief, "goes", Ct)).Taken);

        // When the place of the one that went is another's, the first lease of the one that stayed is long over.
        await EventuallyAsync(async () => (await Limiter.EnterAsync(brief with { Lease = s_hour }, "next", Ct)).Taken);

        Assert.False((await Limiter.EnterAsync(brief, "third", Ct)).Taken);
    }
}
