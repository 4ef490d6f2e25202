namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class RepositoryRoutes
{
    public static void Map(RouteTable routes)
    {
        routes.Add("GET", "/repos/{owner}/{repo}", Get);
        routes.Add("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", Permission);
        routes.Add("GET", "/repos/{owner}/{repo}/collaborators/{username}", call => call.Repository(GitHubRole.Write) is var repository && Role(call, repository) > GitHubRole.Read ? Answer.NoContent : Answer.Refused(404, "Not Found"));
    }

    private static Answer Get(Call call)
    {
        var repository = call.Repository();
        return Answer.Json(200, call.Shapes.FullRepository(repository, call.Credential.RoleIn(repository)), repository.UpdatedAt);
    }

    /// <summary>The old <c>permission</c> knows three levels, <c>role_name</c> all of them.</summary>
    private static Answer Permission(Call call)
    {
        var repository = call.Repository();
        if (call.Credential.RoleIn(repository) < GitHubRole.Write)
        {
            return Answer.Refused(403, "Must have push access to view collaborator permission.");
        }

        if (!call.World.Users.TryGetValue(call.Value("username"), out var user) || user.IsDeleted)
        {
            return Answer.Refused(404, $"{call.Value("username")} is not a user");
        }

        var role = repository.RoleOf(user);
        var shape = call.Shapes.User(user)!;
        shape["role_name"] = Name(role);
        shape["permissions"] = new { admin = role >= GitHubRole.Admin, maintain = role >= GitHubRole.Maintain, push = role >= GitHubRole.Write, triage = role >= GitHubRole.Triage, pull = role >= GitHubRole.Read };
        return Answer.Json(200, new
        {
            permission = role switch { GitHubRole.Maintain => "write", GitHubRole.Triage => "read", _ => Name(role) },
            user = shape,
            role_name = Name(role),
        });
    }

    private static GitHubRole Role(Call call, GitHubRepository repository) => repository.RoleOf(call.World.Users.GetValueOrDefault(call.Value("username")));

    private static string Name(GitHubRole role) => role switch
    {
        GitHubRole.Admin => "admin",
        GitHubRole.Maintain => "maintain",
        GitHubRole.Write => "write",
        GitHubRole.Triage => "triage",
        GitHubRole.Read => "read",
        _ => "none",
    };
}
