namespace ClaudeManager.Tests.Shared.GitHub.Rest;

/// <summary>The operations, by GitHub's own templates.</summary>
internal sealed class RouteTable
{
    private readonly List<Route> _routes = [];

    public RouteTable()
    {
        MetaRoutes.Map(this);
        RepositoryRoutes.Map(this);
        IssueRoutes.Map(this);
        LabelRoutes.Map(this);
        GitRoutes.Map(this);
        PullRoutes.Map(this);
        CheckRoutes.Map(this);
        AppRoutes.Map(this);
        SearchRoutes.Map(this);
    }

    public IReadOnlyList<Route> All => _routes;

    public void Add(string method, string template, Func<Call, Answer> operation, string? permission = null, bool createsContent = false)
        => _routes.Add(new Route(method, template, operation, null, permission, createsContent));

    public void Add(string method, string template, Func<Call, CancellationToken, Task<Answer>> operation, string? permission = null, bool createsContent = false)
        => _routes.Add(new Route(method, template, null, operation, permission, createsContent));
}
