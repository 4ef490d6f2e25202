using System.Net;
using System.Text.Json;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Api.Tests;

/// <summary>What every refusal must be: a problem with a status, a code and words for people.</summary>
internal static class Refused
{
    public static async Task<ManagerApiException> WithAsync(HttpStatusCode status, string code, Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<ManagerApiException>(call);
        Assert.Equal(code, refused.Code);
        Assert.Equal(status, refused.Status);
        Assert.False(string.IsNullOrWhiteSpace(refused.Detail));
        Assert.Matches("^[0-9a-f]{32}$", refused.TraceId);
        return refused;
    }

    /// <summary>Reads an answer that must be problem details and holds nothing of our insides.</summary>
    public static async Task<JsonElement> ProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        foreach (var inside in new[] { "Exception", "ClaudeManager.", "   at ", "System.", "SQLite", "no such table" })
        {
            Assert.DoesNotContain(inside, text, StringComparison.Ordinal);
        }

        using var document = JsonDocument.Parse(text);
        var problem = document.RootElement.Clone();
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("title").GetString()));
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("traceId").GetString()));
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("code").GetString()));
        Assert.Contains(problem.GetProperty("failure").GetString(), Enum.GetValues<FailureClass>().Select(f => ManagerJson.Name(f)));
        Assert.False(string.IsNullOrWhiteSpace(problem.GetProperty("fix").GetString()));
        Assert.Contains(problem.GetProperty("code").GetString(), ErrorCodes.All.Select(c => c.Name));
        return problem;
    }
}
