using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Api.Tests;

/// <summary>Several work items in one call: each is decided by itself.</summary>
public sealed class BulkTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Approve_SomeChangedSinceTheyWereSeen_ApprovesTheOthersEachUnderItsOwnEnvelope()
    {
        await using var api = await TestApi.StartAsync();
        var items = await ProposedAsync(api, 5);
        var seen = await api.Client.PreviewApprovalsAsync([.. items.Select(i => i.Id)], TestApi.Agent, Ct);
        await api.Client.PinAsync(items[1].Id, new PinRequest(items[1].Version, true), Ct);
        await api.Client.RejectAsync(items[2].Id, new RejectRequest(items[2].Version, "No"), Ct);
        BulkApproval[] asked =
        [
            .. seen.Select(p => new BulkApproval(p.Id, Request(p.Preview!))),
            new(999, Request(seen[0].Preview!)),
        ];
        asked[3] = asked[3] with { Approval = asked[3].Approval with { PromptSha256 = seen[0].Preview!.PromptSha256 } };

        var result = await api.Client.ApproveManyAsync(new BulkApproveRequest(asked), Ct);

        Assert.Equal((2, 4), (result.Done, result.Refused));
        Assert.Equal([null, "stale_version", "stale_version", "prompt_changed", null, "not_found"], result.Items.Select(i => i.Refusal?.Code));
        Assert.Equal([.. items.Select(i => i.Id), 999], result.Items.Select(i => i.Id));
        Assert.Equal([WorkItemState.Queued, WorkItemState.Proposed, WorkItemState.Rejected, WorkItemState.Proposed, WorkItemState.Queued, null], result.Items.Select(i => i.State));
        Assert.All(result.Items.Where(i => i.Refusal is not null), i => Assert.NotEmpty(i.Refusal!.Why));
        var (approvals, signed) = await api.Get<Store>().ReadAsync(async (db, ct) => (await db.Approvals.ToListAsync(ct), await db.AuditEntries.Where(a => a.Action == "approval.signed").ToListAsync(ct)), Ct);
        Assert.Equal([items[0].Id, items[4].Id], approvals.Select(a => a.WorkItemId).Order());
        Assert.Equal(2, approvals.DistinctBy(a => Convert.ToHexString(a.Mac)).Count());
        Assert.Equal(approvals.Select(a => Convert.ToHexString(a.Mac)).Order(), signed.Select(a => Convert.ToHexString(a.AfterHash!)).Order());
        Assert.Equal(2, (await api.Client.ListRunsAsync([], null, 0, 50, Ct)).Total);
    }

    [Fact]
    public async Task Preview_Several_SaysOfEachWhatItWouldBindOrWhyNot()
    {
        await using var api = await TestApi.StartAsync();
        var items = await ProposedAsync(api, 3);
        await api.Client.RejectAsync(items[1].Id, new RejectRequest(items[1].Version, "No"), Ct);

        var previews = await api.Client.PreviewApprovalsAsync([items[0].Id, items[1].Id, 999, items[2].Id], null, Ct);

        Assert.Equal([null, "already_decided", "not_found", null], previews.Select(p => p.Refusal?.Code));
        var alone = await api.Client.PreviewApprovalAsync(items[0].Id, null, Ct);
        Assert.Equal((alone.Version, alone.PromptSha256, alone.Prompt), (previews[0].Preview!.Version, previews[0].Preview!.PromptSha256, previews[0].Preview!.Prompt));
        Assert.Equal((items[0].Title, items[0].Repository, items[0].Score), (previews[0].Title, previews[0].Repository, previews[0].Score));

        var missing = await api.Client.PreviewApprovalsAsync([items[0].Id], TestApi.MissingAgent, Ct);
        Assert.Equal("agent_unavailable", missing[0].Refusal!.Code);
    }

    [Fact]
    public async Task RejectAndSnooze_Several_KeepTheReasonAndTheTimeWithEach()
    {
        await using var api = await TestApi.StartAsync();
        var items = await ProposedAsync(api, 4);
        var until = TimeProvider.System.GetUtcNow().AddDays(2);

        var rejected = await api.Client.RejectManyAsync(new BulkRejectRequest([new(items[0].Id, items[0].Version), new(items[1].Id, items[1].Version - 1)], "Not now"), Ct);
        var snoozed = await api.Client.SnoozeManyAsync(new BulkSnoozeRequest([new(items[2].Id, items[2].Version), new(items[0].Id, items[0].Version + 1)], until), Ct);
        var nothing = await api.Client.RejectManyAsync(new BulkRejectRequest([new(items[3].Id, items[3].Version)], " "), Ct);

        Assert.Equal([null, "stale_version"], rejected.Items.Select(i => i.Refusal?.Code));
        Assert.Equal([null, "already_decided"], snoozed.Items.Select(i => i.Refusal?.Code));
        Assert.Equal("invalid", Assert.Single(nothing.Items).Refusal!.Code);
        var now = (await api.Client.ListWorkItemsAsync([], null, null, "id", 0, 50, Ct)).Items.ToDictionary(i => i.Id);
        Assert.Equal((WorkItemState.Rejected, "Not now"), (now[items[0].Id].State, now[items[0].Id].StateReason));
        Assert.Equal(WorkItemState.Proposed, now[items[1].Id].State);
        Assert.Equal((WorkItemState.Snoozed, until), (now[items[2].Id].State, now[items[2].Id].SnoozedUntil));
        Assert.Equal(items[3], now[items[3].Id]);
    }

    [Fact]
    public async Task AnyOfThem_NoneTwiceOrTooMany_IsInvalid()
    {
        await using var api = await TestApi.StartAsync();
        var items = await ProposedAsync(api, 1);
        var one = new BulkItem(items[0].Id, items[0].Version);

        foreach (var list in new BulkItem[][] { [], [one, one], [.. Enumerable.Range(1, 101).Select(id => new BulkItem(id, 1))] })
        {
            await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.RejectManyAsync(new BulkRejectRequest(list, "No"), Ct));
            await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.SnoozeManyAsync(new BulkSnoozeRequest(list, TimeProvider.System.GetUtcNow().AddDays(1)), Ct));
            await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.ApproveManyAsync(new BulkApproveRequest([.. list.Select(i => new BulkApproval(i.Id, new ApproveRequest(i.Version, "x")))]), Ct));
            await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.PreviewApprovalsAsync([.. list.Select(i => i.Id)], null, Ct));
        }

        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.ApproveManyAsync(new BulkApproveRequest([new BulkApproval(items[0].Id, null!)]), Ct));
        Assert.Equal(items[0], await api.OnlyAsync());
    }

    private static ApproveRequest Request(ApprovalPreviewDto preview)
        => new(preview.Version, preview.PromptSha256, preview.DefaultAgent, 1, preview.Tools, preview.Agents.Single(a => a.Name == preview.DefaultAgent).Program!.Sha256);

    private static async Task<IReadOnlyList<WorkItemDto>> ProposedAsync(TestApi api, int count)
    {
        await api.ProposedAsync([.. Enumerable.Range(0, count).Select(n => ($"f{n}.py", $"# TODO: number {n}\n"))]);
        return (await api.Client.ListWorkItemsAsync([], null, null, "id", 0, 50, Ct)).Items;
    }
}
