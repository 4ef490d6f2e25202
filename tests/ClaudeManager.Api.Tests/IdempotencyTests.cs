using System.Net;
using System.Net.Http.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Api.Tests;

public sealed class IdempotencyTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_SameKeyAndRequest_IsCarriedOutOnceAndAnsweredAlike()
    {
        await using var api = await TestApi.StartAsync();
        var request = new NewWorkItemRequest(await RepositoryAsync(api), "Write a changelog", "For people.");
        using var first = await PostAsync(api, "key-1", request);
        using var second = await PostAsync(api, "key-1", request);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("true", Assert.Single(second.Headers.GetValues("Idempotency-Replayed")));
        Assert.Equal(1, await CountAsync(api));

        using var another = await PostAsync(api, "key-2", request);
        Assert.Equal(HttpStatusCode.OK, another.StatusCode);
        Assert.Equal(2, await CountAsync(api));
    }

    [Fact]
    public async Task Post_SameKeyAnotherRequest_IsRefused()
    {
        await using var api = await TestApi.StartAsync();
        var request = new NewWorkItemRequest(await RepositoryAsync(api), "Write a changelog", "For people.");
        using var first = await PostAsync(api, "key", request);
        using var other = await PostAsync(api, "key", request with { Title = "Write two" });
        var problem = await Refused.ProblemAsync(other, HttpStatusCode.UnprocessableEntity);
        Assert.Equal("idempotency_key_reused", problem.GetProperty("code").GetString());

        // The same body at another address is another request too.
        using var elsewhere = await SendAsync(api, "key", "/api/v1/work-items/1/pin", JsonContent.Create(new PinRequest(1, true), options: ManagerJson.Options));
        await Refused.ProblemAsync(elsewhere, HttpStatusCode.UnprocessableEntity);
        using var otherItem = await SendAsync(api, "pin", "/api/v1/work-items/1/reopen", null);
        using var anotherItem = await SendAsync(api, "pin", "/api/v1/work-items/2/reopen", null);
        await Refused.ProblemAsync(anotherItem, HttpStatusCode.UnprocessableEntity);
        Assert.Equal(1, await CountAsync(api));
    }

    [Fact]
    public async Task Post_ManyAtOnceWithOneKey_OneIsCarriedOut()
    {
        await using var api = await TestApi.StartAsync();
        var request = new NewWorkItemRequest(await RepositoryAsync(api), "Write a changelog", "For people.");
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => PostAsync(api, "key", request)));
        Assert.All(answers, a => Assert.True(a.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict, a.StatusCode.ToString()));
        Assert.Contains(answers, a => a.StatusCode == HttpStatusCode.OK);
        Assert.Equal(1, await CountAsync(api));
        Assert.Single((await Task.WhenAll(answers.Where(a => a.StatusCode == HttpStatusCode.OK).Select(a => a.Content.ReadAsStringAsync(Ct)))).Distinct());
        Array.ForEach(answers, a => a.Dispose());
    }

    [Fact]
    public async Task Post_RefusedOrGoneWrong_RefusalsAreAnswersAndFaultsAreNot()
    {
        await using var api = await TestApi.StartAsync();
        var request = new NewWorkItemRequest(999, "Write a changelog", "For people.");
        using var refused = await PostAsync(api, "refused", request);
        using var again = await PostAsync(api, "refused", request);
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (refused.StatusCode, again.StatusCode));
        Assert.True(again.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("application/problem+json", again.Content.Headers.ContentType!.MediaType);

        request = request with { RepositoryId = await RepositoryAsync(api) };
        await RenameAsync(api, "work_items", "away");
        using var fault = await PostAsync(api, "fault", request);
        Assert.Equal(HttpStatusCode.InternalServerError, fault.StatusCode);
        await RenameAsync(api, "away", "work_items");
        using var carriedOut = await PostAsync(api, "fault", request);
        Assert.Equal(HttpStatusCode.OK, carriedOut.StatusCode);
        Assert.Equal(1, await CountAsync(api));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData(256)]
    public async Task Post_KeyThatIsNone_IsRefused(object key)
    {
        await using var api = await TestApi.StartAsync();
        using var response = await PostAsync(api, key as string ?? new string('k', (int)key), new NewWorkItemRequest(await RepositoryAsync(api), "Title", "Text"));
        var problem = await Refused.ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.True(problem.GetProperty("errors").TryGetProperty("Idempotency-Key", out _) || problem.GetProperty("code").GetString() == "invalid");
        Assert.Equal(0, await CountAsync(api));
    }

    [Fact]
    public async Task Post_ProcessDiedInBetween_IsDoneAgainOnlyIfNothingWasDone()
    {
        await using var api = await TestApi.StartAsync();
        var request = new NewWorkItemRequest(await RepositoryAsync(api), "Write a changelog", "For people.");
        foreach (var key in (string[])["untouched", "done"])
        {
            using var first = await PostAsync(api, key, request);
            await api.Get<Store>().WriteAsync(OperationContext.Create("test", "local:test"), (tx, ct) => tx.Db.IdempotencyKeys.Where(k => k.Key == key)
                .ExecuteUpdateAsync(u => u.SetProperty(k => k.Owner, "of a dead process").SetProperty(k => k.Status, (int?)null).SetProperty(k => k.Body, (byte[]?)null)
                    .SetProperty(k => k.CarriedOutAt, k => key == "done" ? k.CarriedOutAt : null), ct), Ct);
        }

        Assert.Equal(2, await CountAsync(api));
        using var untouched = await PostAsync(api, "untouched", request);
        Assert.Equal(HttpStatusCode.OK, untouched.StatusCode);
        using var done = await PostAsync(api, "done", request);
        var problem = await Refused.ProblemAsync(done, HttpStatusCode.Conflict);
        Assert.Equal("idempotency_answer_lost", problem.GetProperty("code").GetString());
        Assert.Equal(3, await CountAsync(api));
    }

    private static async Task<long> RepositoryAsync(TestApi api) => (await api.Client.AddSampleAsync(Ct)).Id;

    private static Task<HttpResponseMessage> PostAsync(TestApi api, string key, NewWorkItemRequest request)
        => SendAsync(api, key, "/api/v1/work-items", JsonContent.Create(request, options: ManagerJson.Options));

    private static async Task<HttpResponseMessage> SendAsync(TestApi api, string key, string path, HttpContent? body)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, path) { Content = body };
        message.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await api.Http.SendAsync(message, Ct);
    }

    /// <summary>Work items that a person wrote.</summary>
    private static Task<int> CountAsync(TestApi api) => api.Get<Store>().ReadAsync((db, ct) => db.WorkItems.CountAsync(w => w.FindingId == null, ct), Ct);

    private static async Task RenameAsync(TestApi api, string from, string to)
    {
        await using var connection = new SqliteConnection($"Data Source={api.DatabaseFile};Pooling=False");
        await connection.OpenAsync(Ct);
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names made here.
        command.CommandText = $"ALTER TABLE {from} RENAME TO {to}";
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Ct);
    }
}
