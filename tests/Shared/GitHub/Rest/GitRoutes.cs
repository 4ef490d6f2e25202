using System.Globalization;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class GitRoutes
{
    private const string Git = "/repos/{owner}/{repo}/git";
    private static readonly string s_zero = new('0', 40);

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", Git + "/ref/{**ref}", Get, "contents");
        routes.Add("GET", Git + "/matching-refs/{**ref}", Matching, "contents");
        routes.Add("POST", Git + "/refs", CreateAsync, "contents");
        routes.Add("PATCH", Git + "/refs/{**ref}", MoveAsync, "contents");
        routes.Add("DELETE", Git + "/refs/{**ref}", DeleteAsync, "contents");
        routes.Add("GET", "/repos/{owner}/{repo}/branches/{**branch}", BranchAsync, "contents");
        routes.Add("GET", "/repos/{owner}/{repo}/commits/{ref}", CommitAsync, "contents");
    }

    public static async Task<GitCommit?> ReadCommitAsync(GitHubRepository repository, string sha, CancellationToken ct)
    {
        var read = await GitCommand.TryAsync(repository.GitDirectory, ["show", "--no-patch", "--format=%H%n%T%n%P%n%an%n%ae%n%at%n%B", sha + "^{commit}"], ct).ConfigureAwait(false);
        return read.ExitCode == 0 && read.Text.Split('\n', 7) is [var id, var tree, var parents, var author, var email, var at, var message]
            ? new GitCommit(id, tree, parents.Split(' ', StringSplitOptions.RemoveEmptyEntries), author, email, DateTimeOffset.FromUnixTimeSeconds(long.Parse(at, CultureInfo.InvariantCulture)), message.TrimEnd())
            : null;
    }

    private static Answer Get(Call call)
    {
        var repository = NotEmpty(call.Repository());
        var name = "refs/" + call.Value("ref");
        return repository.Refs.Read(name) is { } sha ? Answer.Json(200, call.Shapes.Ref(repository, name, sha)) : Answer.Refused(404, "Not Found");
    }

    private static Answer Matching(Call call)
    {
        var repository = NotEmpty(call.Repository());
        return Answer.Json(200, repository.Refs.List("refs/" + call.Value("ref")).Select(r => call.Shapes.Ref(repository, r.Name, r.Sha)));
    }

    private static GitHubRepository NotEmpty(GitHubRepository repository)
        => repository.Refs.List("refs/heads/").Count > 0 ? repository : throw new RefusedException(Answer.Refused(409, "Git Repository is empty."));

    private static async Task<Answer> CreateAsync(Call call, CancellationToken ct)
    {
        var repository = NotEmpty(call.Repository(GitHubRole.Write));
        var (name, sha) = (call.Required("Reference", "ref"), call.Required("Reference", "sha"));
        if (!name.StartsWith("refs/", StringComparison.Ordinal) || name.Count(c => c == '/') < 2)
        {
            return Answer.Refused(422, "Reference name must start with 'refs/' and contain at least one '/' after it.");
        }

        return await UpdateAsync(repository, name, sha, s_zero, ct).ConfigureAwait(false)
            ? Answer.Json(201, call.Shapes.Ref(repository, name, sha)) with { Headers = new() { ["Location"] = $"{call.Shapes.RepositoryUrl(repository)}/git/{name}" } }
            : Answer.Refused(422, repository.Refs.Read(name) is null ? "Object does not exist" : "Reference already exists");
    }

    private static async Task<Answer> MoveAsync(Call call, CancellationToken ct)
    {
        var repository = call.Repository(GitHubRole.Write);
        var (name, sha) = ("refs/" + call.Value("ref"), call.Required("Reference", "sha"));
        if (repository.Refs.Read(name) is not { } old)
        {
            return Answer.Refused(422, "Reference does not exist");
        }

        if (call.Flag("force") != true && (await GitCommand.TryAsync(repository.GitDirectory, ["merge-base", "--is-ancestor", old, sha], ct).ConfigureAwait(false)).ExitCode != 0)
        {
            return Answer.Refused(422, "Update is not a fast forward");
        }

        return await UpdateAsync(repository, name, sha, old, ct).ConfigureAwait(false)
            ? Answer.Json(200, call.Shapes.Ref(repository, name, sha))
            : Answer.Refused(422, "Object does not exist");
    }

    private static async Task<Answer> DeleteAsync(Call call, CancellationToken ct)
    {
        var repository = call.Repository(GitHubRole.Write);
        var name = "refs/" + call.Value("ref");
        if (repository.Refs.Read(name) is not { } old)
        {
            return Answer.Refused(422, "Reference does not exist");
        }

        await GitCommand.RunAsync(repository.GitDirectory, ["update-ref", "-d", name, old], ct).ConfigureAwait(false);
        foreach (var pull in repository.Pulls.Where(p => p.Issue.IsOpen && "refs/heads/" + p.Head == name))
        {
            pull.Issue.Close(call.Actor);
        }

        repository.Pushed();
        return Answer.NoContent;
    }

    private static async Task<bool> UpdateAsync(GitHubRepository repository, string name, string sha, string old, CancellationToken ct)
    {
        var known = await GitCommand.TryAsync(repository.GitDirectory, ["cat-file", "-e", sha + "^{commit}"], ct).ConfigureAwait(false);
        if (known.ExitCode != 0 || (await GitCommand.TryAsync(repository.GitDirectory, ["update-ref", name, sha, old], ct).ConfigureAwait(false)).ExitCode != 0)
        {
            return false;
        }

        repository.Pushed();
        return true;
    }

    private static async Task<Answer> BranchAsync(Call call, CancellationToken ct)
    {
        var repository = call.Repository();
        var name = call.Value("branch");
        if (repository.Refs.Read("refs/heads/" + name) is not { } sha || await ReadCommitAsync(repository, sha, ct).ConfigureAwait(false) is not { } commit)
        {
            return Answer.Refused(404, "Branch not found");
        }

        var url = $"{call.Shapes.RepositoryUrl(repository)}/branches/{Uri.EscapeDataString(name)}";
        return Answer.Json(200, new
        {
            name,
            commit = call.Shapes.Commit(repository, commit),
            _links = new { self = url, html = $"{call.Shapes.Html(repository)}/tree/{name}" },
            @protected = false,
            protection = new { enabled = false },
            protection_url = $"{url}/protection",
        });
    }

    private static async Task<Answer> CommitAsync(Call call, CancellationToken ct)
    {
        var repository = NotEmpty(call.Repository());
        return await ReadCommitAsync(repository, Call.Commit(repository, call.Value("ref")), ct).ConfigureAwait(false) is { } commit
            ? Answer.Json(200, call.Shapes.Commit(repository, commit), commit.At)
            : Answer.Refused(422, $"No commit found for SHA: {call.Value("ref")}");
    }
}
