namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class CheckRoutes
{
    private const string Commit = "/repos/{owner}/{repo}/commits/{ref}";

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", Commit + "/check-runs", Runs, "checks");
        routes.Add("GET", Commit + "/check-suites", Suites, "checks");
        routes.Add("GET", Commit + "/status", Combined, "statuses");
        routes.Add("GET", Commit + "/statuses", call => On(call) is var (repository, sha) ? call.Page([.. repository.Statuses.Where(s => s.Sha == sha).Reverse()], s => call.Shapes.Status(repository, s, simple: false)) : throw Call.NotFound(), "statuses");
        routes.Add("POST", "/repos/{owner}/{repo}/statuses/{sha}", Report, "statuses");
        routes.Add("POST", "/repos/{owner}/{repo}/check-runs", Create, "checks");
    }

    private static (GitHubRepository Repository, string Sha) On(Call call)
    {
        var repository = call.Repository();
        return (repository, Call.Commit(repository, call.Value("ref")));
    }

    private static Answer Runs(Call call)
    {
        var (repository, sha) = On(call);
        var runs = repository.CheckRuns.Where(r => r.Sha == sha
            && (call.Query("check_name") is not { } name || r.Name == name)
            && (call.Query("status") is not { } status || r.Status == status)).ToArray();
        return call.Page(runs, r => call.Shapes.CheckRun(repository, r), page => new { total_count = runs.Length, check_runs = page });
    }

    private static Answer Suites(Call call)
    {
        var (repository, sha) = On(call);
        var suites = repository.CheckRuns.Where(r => r.Sha == sha).GroupBy(r => r.SuiteId).Select(s => s.ToArray()).ToArray();
        return call.Page(suites, s => call.Shapes.CheckSuite(repository, s), page => new { total_count = suites.Length, check_suites = page });
    }

    /// <summary>The newest of each context counts; without any it is pending.</summary>
    private static Answer Combined(Call call)
    {
        var (repository, sha) = On(call);
        var newest = repository.Statuses.Where(s => s.Sha == sha).GroupBy(s => s.Context).Select(g => g.MaxBy(s => s.Id)!).ToArray();
        var state = Array.Exists(newest, s => s.State is "failure" or "error") ? "failure" : newest.Length > 0 && Array.TrueForAll(newest, s => s.State == "success") ? "success" : "pending";
        return call.Page(newest, s => call.Shapes.Status(repository, s, simple: true), page => new
        {
            state,
            statuses = page,
            sha,
            total_count = newest.Length,
            repository = call.Shapes.MinimalRepository(repository),
            commit_url = $"{call.Shapes.RepositoryUrl(repository)}/commits/{sha}",
            url = $"{call.Shapes.RepositoryUrl(repository)}/commits/{sha}/status",
        });
    }

    private static Answer Report(Call call)
    {
        var repository = call.Repository(GitHubRole.Write);
        var state = call.Required("Status", "state");
        return state is "error" or "failure" or "pending" or "success"
            ? Answer.Json(201, call.Shapes.Status(repository, repository.Status(call.Value("sha"), state, call.Text("context") ?? "default", call.Text("description"), call.Actor), simple: false))
            : Answer.Invalid("Status", "state", "invalid");
    }

    private static Answer Create(Call call)
    {
        var repository = call.Repository(GitHubRole.Write);
        if (call.Credential.Installation is null)
        {
            return Answer.Refused(403, "You must authenticate via a GitHub App.");
        }

        return Answer.Json(201, call.Shapes.CheckRun(repository, repository.Check(call.Required("CheckRun", "head_sha"), call.Required("CheckRun", "name"), call.Text("conclusion"))));
    }
}
