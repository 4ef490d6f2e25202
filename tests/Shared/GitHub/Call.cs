using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>One operation of the REST API. Held under the gate of the world unless it is <see cref="Async"/>.</summary>
/// <param name="Permission">What an installation's token must have been given; null where nothing is asked.</param>
/// <param name="CreatesContent">Counts toward the limits of content creation.</param>
internal sealed record Route(string Method, string Template, Func<Call, Answer>? Sync, Func<Call, CancellationToken, Task<Answer>>? Async, string? Permission = null, bool CreatesContent = false)
{
    public string Name => $"{Method} {Template.Replace("**", "", StringComparison.Ordinal)}";

    public bool Writes => Method != "GET";
}

/// <summary>A request as an operation sees it: who asks, for what, in which words.</summary>
internal sealed class Call(GitHubWorld world, HttpContext http, Credential credential, Shapes shapes, byte[] body, Route? route)
{
    private JsonElement? _json;

    public GitHubWorld World => world;

    public HttpContext Http => http;

    public Credential Credential => credential;

    public Shapes Shapes => shapes;

    public GitHubUser? User => credential.User;

    /// <summary>Who writes; an anonymous caller is told to log in.</summary>
    public string Actor => credential.User?.Login ?? throw new RefusedException(Answer.Refused(401, "Requires authentication"));

    public JsonElement Json
    {
        get
        {
            try
            {
                return _json ??= body is [] ? JsonDocument.Parse("{}").RootElement : JsonDocument.Parse(body).RootElement;
            }
            catch (JsonException)
            {
                throw new RefusedException(Answer.Refused(400, "Problems parsing JSON"));
            }
        }
    }

    public string Value(string name) => Uri.UnescapeDataString((string)http.GetRouteValue(name)!);

    public int Number(string name)
        => int.TryParse(Value(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw NotFound();

    public string? Query(string name) => http.Request.Query.TryGetValue(name, out var value) ? value.ToString() : null;

    public string? Text(string name) => Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public bool? Flag(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    /// <summary>The strings of an array, or of objects with a <c>name</c>; null where the field is not there.</summary>
    public string[]? Texts(string name)
    {
        var array = Json.ValueKind == JsonValueKind.Array ? Json : Json.TryGetProperty(name, out var value) ? value : default;
        return array.ValueKind != JsonValueKind.Array ? null : [.. array.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Object ? v.GetProperty("name").GetString()! : v.GetString()!)];
    }

    public string Required(string resource, string field)
        => Text(field) is { } text && !string.IsNullOrWhiteSpace(text) ? text : throw new RefusedException(Answer.Invalid(resource, field, "missing_field"));

    /// <summary>The repository of the path, if the caller may see it and do this much in it.</summary>
    public GitHubRepository Repository(GitHubRole need = GitHubRole.Read)
    {
        var name = $"{Value("owner")}/{Value("repo")}";
        lock (world.Gate)
        {
            if (!world.Repositories.TryGetValue(name, out var repository))
            {
                throw world.Former.TryGetValue(name, out var renamed) && credential.RoleIn(renamed) > GitHubRole.None ? Moved(renamed) : NotFound();
            }

            var role = credential.RoleIn(repository);
            if (role is GitHubRole.None)
            {
                throw NotFound();
            }

            if (repository.IsDisabled)
            {
                throw new RefusedException(Answer.Json(403, new { message = "Repository access blocked", block = new { reason = "unavailable", created_at = Shapes.Iso(repository.CreatedAt) } }));
            }

            if (route is { Writes: true } && repository.IsArchived)
            {
                throw new RefusedException(Answer.Refused(403, "Repository was archived so is read-only."));
            }

            if (route?.Permission is { } permission && !credential.Grants(permission, route.Writes))
            {
                throw new RefusedException(Answer.Refused(403, "Resource not accessible by integration"));
            }

            return role >= need ? repository : throw (User is null ? new RefusedException(Answer.Refused(401, "Requires authentication")) : new RefusedException(Answer.Refused(403, $"Must have {(need is GitHubRole.Admin ? "admin rights" : need is GitHubRole.Write ? "write access" : "triage access")} to Repository.")));
        }
    }

    public GitHubIssue Issue(GitHubRole need = GitHubRole.Read, bool pullsToo = true)
    {
        var repository = Repository(need);
        if (!repository.HasIssues && !pullsToo)
        {
            throw new RefusedException(Answer.Refused(410, "Issues has been disabled in this repository."));
        }

        var issue = repository.IssueNumbered(Number("issue_number")) ?? throw NotFound();
        return issue.IsDeleted ? throw new RefusedException(Answer.Refused(410, "This issue was deleted")) : issue;
    }

    public GitHubPull Pull(GitHubRole need = GitHubRole.Read) => Repository(need).IssueNumbered(Number("pull_number"))?.Pull ?? throw NotFound();

    /// <summary>The commit a branch, tag or id names.</summary>
    public static string Commit(GitHubRepository repository, string name)
        => repository.Refs.Read("refs/heads/" + name.Replace("heads/", "", StringComparison.Ordinal))
            ?? repository.Refs.Read("refs/tags/" + name)
            ?? (name.Length == 40 && name.All(char.IsAsciiHexDigit) ? name : throw new RefusedException(Answer.Refused(422, $"No commit found for SHA: {name}")));

    /// <summary>One page of a list with GitHub's <c>Link</c> header.</summary>
    public Answer Page<T>(IReadOnlyCollection<T> all, Func<T, object?> shape, Func<List<object?>, object>? envelope = null)
    {
        var size = Math.Clamp(int.TryParse(Query("per_page"), NumberStyles.None, CultureInfo.InvariantCulture, out var asked) ? asked : 30, 1, 100);
        var page = Math.Max(1, int.TryParse(Query("page"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 1);
        var last = Math.Max(1, (all.Count + size - 1) / size);
        var items = all.Skip((page - 1) * size).Take(size).Select(shape).ToList();
        var answer = Answer.Json(200, envelope is null ? items : envelope(items));
        var links = new List<string>();
        void Link(int to, string relation) => links.Add($"<{shapes.Api}{http.Request.Path.ToUriComponent()}{QueryString.Create(http.Request.Query.Where(q => q.Key is not "page").SelectMany(q => q.Value.Select(v => KeyValuePair.Create(q.Key, v))).Append(KeyValuePair.Create("page", (string?)to.ToString(CultureInfo.InvariantCulture))))}>; rel=\"{relation}\"");
        if (page > 1)
        {
            Link(Math.Min(page - 1, last), "prev");
        }

        if (page < last)
        {
            Link(page + 1, "next");
            Link(last, "last");
        }

        if (page > 1)
        {
            Link(1, "first");
        }

        if (links.Count > 0)
        {
            answer.Headers["Link"] = string.Join(", ", links);
        }

        return answer;
    }

    public static RefusedException NotFound() => new(Answer.Refused(404, "Not Found"));

    private RefusedException Moved(GitHubRepository to)
    {
        var rest = string.Join('/', http.Request.Path.ToUriComponent().Split('/').Skip(4));
        var url = string.Create(CultureInfo.InvariantCulture, $"{shapes.Api}/repositories/{to.Id}{(rest.Length > 0 ? "/" + rest : "")}{http.Request.QueryString}");
        var status = route is { Writes: true } ? 307 : 301;
        return new RefusedException(Answer.Json(status, new { message = "Moved Permanently", url, documentation_url = "https://docs.github.com/rest" }) with { Headers = new() { ["Location"] = url } });
    }
}
