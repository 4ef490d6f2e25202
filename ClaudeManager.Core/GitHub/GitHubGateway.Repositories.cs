using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.GitHub.Limits;

namespace ClaudeManager.Core.GitHub;

public sealed partial class GitHubGateway
{
    /// <summary>Repositories in one request.</summary>
    public const int StatesPerRequest = 100;

    private const string Viewer = "viewer { login databaseId __typename }";

    private const string StateFields = """
        fragment state on Repository {
          databaseId nameWithOwner isArchived isDisabled isPrivate hasIssuesEnabled viewerPermission diskUsage
          defaultBranchRef { name target { oid } }
          issues(states: OPEN, first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { updatedAt } }
        }
        """;

    /// <summary>The account all this is done as.</summary>
    public async Task<GitHubAccount> GetOwnAccountAsync(CancellationToken ct)
    {
        if (_self.Value is null)
        {
            var answer = await QueryAsync($"query {{ {Viewer} }}", [], ct).ConfigureAwait(false);
            FailOnErrors(answer);
            _self.Value = ReadViewer(answer);
        }

        return _self.Value;
    }

    /// <summary>States of repositories, <see cref="StatesPerRequest"/> by one request. They come in the order asked for.</summary>
    public async Task<IReadOnlyList<GitHubRepositoryAnswer>> GetStatesAsync(IReadOnlyCollection<RepositoryName> repositories, CancellationToken ct)
    {
        var answers = new List<GitHubRepositoryAnswer>(repositories.Count);
        foreach (var chunk in repositories.Chunk(StatesPerRequest))
        {
            var query = new StringBuilder("query(").AppendJoin(", ", chunk.Select((_, i) => $"$o{i}: String!, $n{i}: String!")).Append(") {\n");
            var variables = new Dictionary<string, object>();
            for (var i = 0; i < chunk.Length; i++)
            {
                query.Append(CultureInfo.InvariantCulture, $"  r{i}: repository(owner: $o{i}, name: $n{i}) {{ ...state }}\n");
                variables[$"o{i}"] = chunk[i].Owner;
                variables[$"n{i}"] = chunk[i].Name;
            }

            // Who we are comes along, so that it is no request of its own.
            var answer = await QueryAsync(query.Append(CultureInfo.InvariantCulture, $"  {Viewer}\n}}\n{StateFields}").ToString(), variables, ct).ConfigureAwait(false);
            if (answer.Data.ValueKind != JsonValueKind.Object)
            {
                FailOnErrors(answer);
            }

            _self.Value ??= answer.Data.TryGetProperty("viewer", out var viewer) && viewer.ValueKind == JsonValueKind.Object ? ReadViewer(answer) : null;

            answers.AddRange(chunk.Select((name, i) => ReadState(name, $"r{i}", answer)));
        }

        return answers;
    }

    /// <summary>What a person may do in a repository. The role of triage may set labels, but not write.</summary>
    public async Task<GitHubPermission> GetPermissionAsync(RepositoryName repository, string login, CancellationToken ct)
    {
        var found = await FindAsync<WirePermission>(Of(repository, $"collaborators/{Uri.EscapeDataString(login)}/permission"), ct).ConfigureAwait(false);
        // `permission` knows only the old roles and calls triage read and maintain write; `role_name` is exact and may be a custom one.
        return new GitHubPermission(login, found?.RoleName ?? found?.Permission ?? "none", found is { Permission: "admin" or "write", RoleName: not "triage" });
    }

    private static GitHubRepositoryAnswer ReadState(RepositoryName asked, string alias, WireAnswer answer)
    {
        // An error below a repository leaves a hole that would look like an empty one; its issues alone may be closed to the credential.
        var error = (answer.Errors ?? []).FirstOrDefault(e => PathOf(e) is [var first, .. var below] && first == alias && below is not ["issues", ..]);
        if (error is null && answer.Data.TryGetProperty(alias, out var state) && state.ValueKind == JsonValueKind.Object)
        {
            try
            {
                return new GitHubRepositoryAnswer(asked, ReadState(state), null);
            }
            catch (Exception cause) when (cause is KeyNotFoundException or InvalidOperationException or FormatException)
            {
                return new GitHubRepositoryAnswer(asked, null, new GitHubException(GitHubProblem.Malformed, $"GitHub's answer about {asked} is not of the shape it should have.", cause: cause));
            }
        }

        return new GitHubRepositoryAnswer(asked, null, FailureOf(error, $"{asked} is not there, or private to this credential."));
    }

    private static GitHubRepositoryState ReadState(JsonElement state)
    {
        var branch = state.GetProperty("defaultBranchRef");
        var isEmpty = branch.ValueKind != JsonValueKind.Object;
        return new GitHubRepositoryState(
            RepositoryName.Parse(state.GetProperty("nameWithOwner").GetString()!),
            state.GetProperty("databaseId").GetInt64(),
            isEmpty ? null : branch.GetProperty("name").GetString(),
            isEmpty ? null : branch.GetProperty("target").GetProperty("oid").GetString(),
            state.GetProperty("isArchived").GetBoolean(),
            state.GetProperty("isDisabled").GetBoolean(),
            state.GetProperty("isPrivate").GetBoolean(),
            state.GetProperty("hasIssuesEnabled").GetBoolean(),
            state.GetProperty("viewerPermission").GetString(),
            (state.GetProperty("diskUsage") is { ValueKind: JsonValueKind.Number } size ? size.GetInt64() : 0) / 1024)
        {
            Issues = state.GetProperty("issues") is { ValueKind: JsonValueKind.Object } issues ? ReadActivity(issues) : null,
        };
    }

    private static string?[] PathOf(WireQueryError error) => [.. (error.Path ?? []).Select(step => step.ValueKind == JsonValueKind.String ? step.GetString() : null)];

    private static GitHubIssueActivity ReadActivity(JsonElement issues)
        => new(issues.GetProperty("totalCount").GetInt32(), issues.GetProperty("nodes") is var nodes && nodes.GetArrayLength() > 0 ? nodes[0].GetProperty("updatedAt").GetDateTimeOffset() : null);

    /// <summary>A GraphQL query: a POST that changes nothing. Its errors come in a 200, beside what could be answered.</summary>
    private async Task<WireAnswer> QueryAsync(string query, Dictionary<string, object> variables, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address.GraphQL);
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new { query, variables }));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _http.SendAsync(request, new GitHubCall(_time.GetUtcNow() + _patience, IsQuery: true, GitHubLanes.Current), ct).ConfigureAwait(false);
        var body = await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false);
        var answer = ReadShape(() => s_serializer.Deserialize<WireAnswer>(body));
        return answer.Errors?.Any(e => e.Type == "RATE_LIMITED") == true
            ? throw new GitHubException(GitHubProblem.Limited, "GitHub's budget for queries is used up.")
            {
                ClearsAt = Budgets.FirstOrDefault(b => b.Credential == _credential.Name && b.Resource == RequestCost.GraphQL)?.ResetsAt ?? _time.GetUtcNow() + TimeSpan.FromMinutes(1),
            }
            : answer;
    }

    private static GitHubAccount ReadViewer(WireAnswer answer) => ReadShape(() => ReadActor(answer.Data.GetProperty("viewer")) ?? throw new JsonException("Nobody."));

    private static T ReadShape<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception cause) when (cause is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new GitHubException(GitHubProblem.Malformed, "GitHub's answer to a query is not of the shape it should have.", cause: cause);
        }
    }

    private static void FailOnErrors(WireAnswer answer)
    {
        if (answer.Data.ValueKind != JsonValueKind.Object || answer.Errors is { Count: > 0 })
        {
            throw FailureOf(answer.Errors is [var first, ..] ? first : null, "GitHub answered a query with nothing.");
        }
    }

    private static GitHubException FailureOf(WireQueryError? error, string otherwise)
    {
        var problem = error?.Type switch
        {
            "NOT_FOUND" => GitHubProblem.NotFound,
            "FORBIDDEN" or "INSUFFICIENT_SCOPES" => GitHubProblem.Forbidden,
            null when error is null => GitHubProblem.NotFound,
            // "Something went wrong while executing your query": GitHub's own time-out has no type.
            null or "INTERNAL" or "SERVICE_UNAVAILABLE" or "STALE_DATA" => GitHubProblem.Unavailable,
            _ => GitHubProblem.Refused,
        };
        var said = string.Concat((error?.Message ?? "").Where(c => !char.IsControl(c)).Take(300));
        return new GitHubException(problem, said.Length > 0 ? $"GitHub: {said}" : otherwise);
    }

    private static GitHubAccount? ReadActor(JsonElement actor)
        => actor.ValueKind == JsonValueKind.Object
            ? new GitHubAccount(actor.TryGetProperty("databaseId", out var id) && id.ValueKind == JsonValueKind.Number ? id.GetInt64() : 0, actor.GetProperty("login").GetString()!, WireAccount.KindOf(actor.GetProperty("__typename").GetString()))
            : null;
}
