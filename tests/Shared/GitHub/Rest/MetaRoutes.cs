namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class MetaRoutes
{
    public static void Map(RouteTable routes)
    {
        routes.Add("GET", "/meta", _ => Answer.Json(200, new { verifiable_password_authentication = false, hooks = new[] { "127.0.0.1/32" }, web = new[] { "127.0.0.1/32" }, api = new[] { "127.0.0.1/32" }, git = new[] { "127.0.0.1/32" } }));
        routes.Add("GET", "/user", CurrentUser);
        routes.Add("GET", "/users/{username}", User);
    }

    /// <summary>Free of the budget it reports; the server answers it, who keeps the budgets.</summary>
    public static Answer RateLimit(RateLimits limits, string who)
    {
        object Shape(string resource)
        {
            var budget = limits.Of(who, resource);
            return new { limit = budget.Limit, used = budget.Used, remaining = budget.Remaining, reset = budget.Reset.ToUnixTimeSeconds() };
        }

        return Answer.Json(200, new { resources = new { core = Shape("core"), search = Shape("search"), graphql = Shape("graphql") }, rate = Shape("core") });
    }

    private static Answer CurrentUser(Call call)
    {
        if (call.Credential.Installation is not null)
        {
            return Answer.Refused(403, "Resource not accessible by integration");
        }

        return call.User is { } user ? Answer.Json(200, call.Shapes.FullUser(user), user.CreatedAt) : Answer.Refused(401, "Requires authentication");
    }

    private static Answer User(Call call)
        => call.World.Users.TryGetValue(call.Value("username"), out var user) && !user.IsDeleted ? Answer.Json(200, call.Shapes.FullUser(user), user.CreatedAt) : Answer.Refused(404, "Not Found");
}
