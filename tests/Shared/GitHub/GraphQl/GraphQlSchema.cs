using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace ClaudeManager.Tests.Shared.GitHub.GraphQl;

internal delegate object? Resolver(GraphQlExecution execution, object source, IReadOnlyDictionary<string, object?> arguments);

/// <summary>A page of a connection.</summary>
internal sealed record GraphQlPage(string Type, IReadOnlyList<(object Node, string Cursor)> Items, int Total, bool HasNext, bool HasPrevious);

internal sealed record GraphQlEdge(string Type, object Node, string Cursor);

/// <summary>What an object of a type without a class of its own is made of.</summary>
internal sealed record GraphQlObject(string Type, IReadOnlyDictionary<string, object?> Fields);

internal sealed record RefNode(GitHubRepository Repository, string Name, string Sha);

internal sealed record CommitNode(GitHubRepository Repository, string Sha);

internal sealed record LabelNode(GitHubRepository Repository, GitHubLabel Label);

internal sealed record EventNode(GitHubIssue Issue, GitHubEvent Event);

internal sealed record ReviewNode(GitHubPull Pull, GitHubReview Review);

/// <summary>The part of GitHub's schema that is served: for each type, its fields.</summary>
internal static class GraphQlSchema
{
    private static readonly Dictionary<string, string> s_events = new(StringComparer.Ordinal)
    {
        ["labeled"] = "LabeledEvent",
        ["unlabeled"] = "UnlabeledEvent",
        ["renamed"] = "RenamedTitleEvent",
        ["closed"] = "ClosedEvent",
        ["reopened"] = "ReopenedEvent",
        ["locked"] = "LockedEvent",
        ["unlocked"] = "UnlockedEvent",
        ["merged"] = "MergedEvent",
        ["cross-referenced"] = "CrossReferencedEvent",
        ["ready_for_review"] = "ReadyForReviewEvent",
        ["review_requested"] = "ReviewRequestedEvent",
    };

    /// <summary>Interfaces and unions in fragments: what they take in.</summary>
    private static readonly Dictionary<string, Func<string, bool>> s_abstract = new(StringComparer.Ordinal)
    {
        ["Actor"] = type => type is "User" or "Bot" or "Organization",
        ["Node"] = _ => true,
        ["Assignable"] = type => type is "Issue" or "PullRequest",
        ["Comment"] = type => type is "Issue" or "PullRequest" or "IssueComment" or "PullRequestReview",
        ["Labelable"] = type => type is "Issue" or "PullRequest",
        ["GitObject"] = type => type is "Commit",
        ["RepositoryOwner"] = type => type is "User" or "Organization",
    };

    private static readonly Dictionary<string, Dictionary<string, Resolver>> s_types = new(StringComparer.Ordinal)
    {
        ["Query"] = new(StringComparer.Ordinal)
        {
            ["repository"] = (x, _, a) => x.Repository(Text(a, "owner")!, Text(a, "name")!, a.GetValueOrDefault("followRenames") is not false),
            ["viewer"] = (x, _, _) => x.Call.User,
            ["rateLimit"] = (x, _, _) => x.RateLimit(),
            ["user"] = (x, _, a) => x.User(Text(a, "login")!),
            ["node"] = (x, _, a) => x.Node(Text(a, "id")!),
            ["nodes"] = (x, _, a) => ((IEnumerable<object?>)a["ids"]!).Select(id => x.Node((string)id!)).ToArray(),
        },
        ["RateLimit"] = new(StringComparer.Ordinal),
        ["Repository"] = Fields<GitHubRepository>(new()
        {
            ["id"] = (_, r, _) => Shapes.NodeId("R", r.Id),
            ["databaseId"] = (_, r, _) => r.Id,
            ["name"] = (_, r, _) => r.Name,
            ["nameWithOwner"] = (_, r, _) => r.FullName,
            ["owner"] = (_, r, _) => r.Owner,
            ["description"] = (_, r, _) => r.Description,
            ["url"] = (x, r, _) => x.Call.Shapes.Html(r),
            ["isArchived"] = (_, r, _) => r.IsArchived,
            ["diskUsage"] = (_, r, _) => r.SizeKb,
            ["isDisabled"] = (_, r, _) => r.IsDisabled,
            ["isPrivate"] = (_, r, _) => r.IsPrivate,
            ["isFork"] = (_, _, _) => false,
            ["isEmpty"] = (_, r, _) => r.Refs.List("refs/heads/").Count == 0,
            ["hasIssuesEnabled"] = (_, r, _) => r.HasIssues,
            ["visibility"] = (_, r, _) => r.IsPrivate ? "PRIVATE" : "PUBLIC",
            ["viewerPermission"] = (x, r, _) => x.Call.Credential.RoleIn(r).ToString().ToUpperInvariant(),
            ["pushedAt"] = (_, r, _) => Shapes.Iso(r.PushedAt),
            ["createdAt"] = (_, r, _) => Shapes.Iso(r.CreatedAt),
            ["updatedAt"] = (_, r, _) => Shapes.Iso(r.UpdatedAt),
            ["defaultBranchRef"] = (_, r, _) => Ref(r, "refs/heads/" + r.DefaultBranch),
            ["ref"] = (_, r, a) => Text(a, "qualifiedName") is var name && name!.StartsWith("refs/", StringComparison.Ordinal) ? Ref(r, name) : Ref(r, "refs/heads/" + name),
            ["refs"] = (_, r, a) => Page("Ref", a, [.. r.Refs.List(Text(a, "refPrefix")!).Select(f => new RefNode(r, f.Name, f.Sha))]),
            ["issue"] = (_, r, a) => GraphQlExecution.Issue(r, Number(a, "number"), pull: false),
            ["pullRequest"] = (_, r, a) => GraphQlExecution.Issue(r, Number(a, "number"), pull: true),
            ["issueOrPullRequest"] = (_, r, a) => GraphQlExecution.Issue(r, Number(a, "number"), pull: null),
            ["issues"] = (_, r, a) => Issues(r, a),
            ["pullRequests"] = (_, r, a) => Page("PullRequest", a, Ordered(a, r.Issues.Where(i => i.Pull is { } pull
                && In(a, "states", pull.MergedAt is not null ? "MERGED" : i.IsOpen ? "OPEN" : "CLOSED")
                && (Text(a, "headRefName") is not { } head || pull.Head == head)
                && (Text(a, "baseRefName") is not { } @base || pull.Base == @base)))),
            ["labels"] = (_, r, a) => Page("Label", a, [.. r.Labels.Select(l => new LabelNode(r, l))]),
            ["label"] = (_, r, a) => r.LabelNamed(Text(a, "name")!) is { } label ? new LabelNode(r, label) : null,
        }),
        ["Ref"] = Fields<RefNode>(new()
        {
            ["id"] = (_, r, _) => Shapes.NodeId("REF", r.Repository.Id) + WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(r.Name)),
            ["name"] = (_, r, _) => r.Name.StartsWith("refs/heads/", StringComparison.Ordinal) ? r.Name["refs/heads/".Length..] : r.Name,
            ["prefix"] = (_, r, _) => r.Name[..(r.Name.IndexOf('/', "refs/".Length) + 1)],
            ["target"] = (_, r, _) => new CommitNode(r.Repository, r.Sha),
            ["repository"] = (_, r, _) => r.Repository,
        }),
        ["Commit"] = Fields<CommitNode>(new()
        {
            ["id"] = (_, c, _) => Shapes.NodeId("C", c.Repository.Id) + c.Sha,
            ["oid"] = (_, c, _) => c.Sha,
            ["abbreviatedOid"] = (_, c, _) => c.Sha[..7],
            ["url"] = (x, c, _) => $"{x.Call.Shapes.Html(c.Repository)}/commit/{c.Sha}",
            ["repository"] = (_, c, _) => c.Repository,
            ["statusCheckRollup"] = (_, c, _) => Rollup(c),
        }),
        ["User"] = Actor(),
        ["Bot"] = Actor(),
        ["Organization"] = Actor(),
        ["Label"] = Fields<LabelNode>(new()
        {
            ["id"] = (_, l, _) => Shapes.NodeId("LA", l.Label.Id),
            ["name"] = (_, l, _) => l.Label.Name,
            ["color"] = (_, l, _) => l.Label.Color,
            ["description"] = (_, l, _) => l.Label.Description,
            ["repository"] = (_, l, _) => l.Repository,
        }),
        ["Issue"] = Issue(new(StringComparer.Ordinal)
        {
            ["stateReason"] = (_, i, _) => i.StateReason?.ToUpperInvariant(),
            ["state"] = (_, i, _) => i.IsOpen ? "OPEN" : "CLOSED",
        }),
        ["PullRequest"] = Issue(new(StringComparer.Ordinal)
        {
            ["state"] = (_, i, _) => i.Pull!.MergedAt is not null ? "MERGED" : i.IsOpen ? "OPEN" : "CLOSED",
            ["isDraft"] = (_, i, _) => i.Pull!.IsDraft,
            ["merged"] = (_, i, _) => i.Pull!.MergedAt is not null,
            ["mergedAt"] = (_, i, _) => Shapes.Iso(i.Pull!.MergedAt),
            ["mergedBy"] = (_, i, _) => i.Pull!.MergedBy,
            ["mergeCommit"] = (_, i, _) => i.Pull!.MergeCommit is { } sha ? new CommitNode(i.Repository, sha) : null,
            ["headRefName"] = (_, i, _) => i.Pull!.Head,
            ["headRefOid"] = (_, i, _) => i.Pull!.HeadSha,
            ["headRef"] = (_, i, _) => Ref(i.Repository, "refs/heads/" + i.Pull!.Head),
            ["baseRefName"] = (_, i, _) => i.Pull!.Base,
            ["baseRefOid"] = (_, i, _) => i.Pull!.BaseSha,
            ["reviewDecision"] = (_, i, _) => i.Pull!.Decision,
            ["reviews"] = (_, i, a) => Page("PullRequestReview", a, [.. i.Pull!.Reviews.Select(r => new ReviewNode(i.Pull, r))]),
            ["closingIssuesReferences"] = (_, i, a) => Page("Issue", a, [.. i.Mentions(i.Body).Where(m => m.Closes).Select(m => m.Issue).Distinct()]),
            ["commits"] = (_, i, a) => Page("PullRequestCommit", a, [new GraphQlObject("PullRequestCommit", new Dictionary<string, object?> { ["commit"] = new CommitNode(i.Repository, i.Pull!.HeadSha) })]),
            ["statusCheckRollup"] = (_, i, _) => Rollup(new CommitNode(i.Repository, i.Pull!.HeadSha)),
        }),
        ["IssueComment"] = Fields<GitHubComment>(new()
        {
            ["id"] = (_, c, _) => Shapes.NodeId("IC", c.Id),
            ["databaseId"] = (_, c, _) => c.Id,
            ["body"] = (_, c, _) => c.Body,
            ["author"] = (_, c, _) => Present(c.Author),
            ["createdAt"] = (_, c, _) => Shapes.Iso(c.CreatedAt),
            ["updatedAt"] = (_, c, _) => Shapes.Iso(c.UpdatedAt),
            ["lastEditedAt"] = (_, c, _) => c.UpdatedAt == c.CreatedAt ? null : Shapes.Iso(c.UpdatedAt),
            ["url"] = (x, c, _) => string.Create(CultureInfo.InvariantCulture, $"{x.Call.Shapes.Html(c.Issue)}#issuecomment-{c.Id}"),
        }),
        ["PullRequestReview"] = Fields<ReviewNode>(new()
        {
            ["id"] = (_, r, _) => Shapes.NodeId("PRR", r.Review.Id),
            ["databaseId"] = (_, r, _) => r.Review.Id,
            ["author"] = (_, r, _) => Present(r.Review.Author),
            ["body"] = (_, r, _) => r.Review.Body,
            ["state"] = (_, r, _) => r.Review.State,
            ["submittedAt"] = (_, r, _) => Shapes.Iso(r.Review.SubmittedAt),
            ["commit"] = (_, r, _) => new CommitNode(r.Pull.Issue.Repository, r.Review.CommitId),
            ["comments"] = (_, r, a) => Page("PullRequestReviewComment", a, [.. r.Pull.ReviewComments.Where(c => c.ReviewId == r.Review.Id).Select(c => new GraphQlObject("PullRequestReviewComment", new Dictionary<string, object?>
            {
                ["id"] = Shapes.NodeId("PRRC", c.Id),
                ["databaseId"] = c.Id,
                ["body"] = c.Body,
                ["path"] = c.Path,
                ["line"] = c.Line,
                ["author"] = Present(c.Author),
                ["createdAt"] = Shapes.Iso(c.CreatedAt),
            }))]),
        }),
        ["PageInfo"] = new(StringComparer.Ordinal),
    };

    static GraphQlSchema()
    {
        foreach (var type in s_events.Values)
        {
            var fields = new Dictionary<string, Func<GraphQlExecution, EventNode, IReadOnlyDictionary<string, object?>, object?>>
            {
                ["id"] = (_, e, _) => Shapes.NodeId("EV", e.Event.Id),
                ["actor"] = (_, e, _) => Present(e.Event.Actor),
                ["createdAt"] = (_, e, _) => Shapes.Iso(e.Event.CreatedAt),
            };
            switch (type)
            {
                case "LabeledEvent" or "UnlabeledEvent":
                    fields["label"] = (_, e, _) => new LabelNode(e.Issue.Repository, e.Event.Label!);
                    break;
                case "RenamedTitleEvent":
                    fields["previousTitle"] = (_, e, _) => e.Event.Rename!.Value.From;
                    fields["currentTitle"] = (_, e, _) => e.Event.Rename!.Value.To;
                    break;
                case "ClosedEvent":
                    fields["stateReason"] = (_, e, _) => e.Event.StateReason?.ToUpperInvariant();
                    break;
                case "MergedEvent":
                    fields["commit"] = (_, e, _) => new CommitNode(e.Issue.Repository, e.Event.CommitId!);
                    break;
                case "CrossReferencedEvent":
                    fields["source"] = (_, e, _) => e.Event.Source;
                    fields["willCloseTarget"] = (_, e, _) => e.Event.Source!.Mentions(e.Event.Source.Body).Any(m => m.Issue == e.Issue && m.Closes);
                    break;
                default:
                    break;
            }

            s_types[type] = Fields(fields);
        }
    }

    public static string TypeOf(object value) => value switch
    {
        GitHubRepository => "Repository",
        GitHubIssue { Pull: null } => "Issue",
        GitHubIssue => "PullRequest",
        GitHubUser user => user.Type.ToString(),
        GitHubComment => "IssueComment",
        LabelNode => "Label",
        RefNode => "Ref",
        CommitNode => "Commit",
        ReviewNode => "PullRequestReview",
        EventNode node => s_events.GetValueOrDefault(node.Event.Kind, node.Event.Kind),
        GraphQlPage page => page.Type + "Connection",
        GraphQlEdge edge => edge.Type + "Edge",
        GraphQlObject plain => plain.Type,
        _ => throw new InvalidOperationException($"{value.GetType().Name} is no GraphQL object."),
    };

    public static bool IsA(string type, string condition) => type == condition || (s_abstract.TryGetValue(condition, out var takes) && takes(type)) || condition.EndsWith("TimelineItems", StringComparison.Ordinal);

    /// <summary>How a field is read, or null where the type has none of that name.</summary>
    public static Resolver? Field(object? source, string type, string field) => source switch
    {
        GraphQlPage => field switch
        {
            "nodes" => (_, s, _) => ((GraphQlPage)s).Items.Select(i => i.Node).ToArray(),
            "edges" => (_, s, _) => ((GraphQlPage)s).Items.Select(i => new GraphQlEdge(((GraphQlPage)s).Type, i.Node, i.Cursor)).ToArray(),
            "totalCount" => (_, s, _) => ((GraphQlPage)s).Total,
            "pageInfo" => (_, s, _) => s is GraphQlPage page ? new GraphQlObject("PageInfo", new Dictionary<string, object?>
            {
                ["hasNextPage"] = page.HasNext,
                ["hasPreviousPage"] = page.HasPrevious,
                ["startCursor"] = page.Items is [var (_, first), ..] ? first : null,
                ["endCursor"] = page.Items is [.., var (_, last)] ? last : null,
            }) : null,
            _ => null,
        },
        GraphQlEdge => field switch { "node" => (_, s, _) => ((GraphQlEdge)s).Node, "cursor" => (_, s, _) => ((GraphQlEdge)s).Cursor, _ => null },
        GraphQlObject plain => plain.Fields.TryGetValue(field, out var value) ? (_, _, _) => value : null,
        _ => s_types.GetValueOrDefault(type)?.GetValueOrDefault(field),
    };

    private static Dictionary<string, Resolver> Fields<T>(Dictionary<string, Func<GraphQlExecution, T, IReadOnlyDictionary<string, object?>, object?>> fields)
        => fields.ToDictionary(f => f.Key, f => (Resolver)((x, source, a) => f.Value(x, (T)source, a)), StringComparer.Ordinal);

    private static Dictionary<string, Resolver> Actor() => Fields<GitHubUser>(new()
    {
        ["id"] = (_, u, _) => Shapes.UserNodeId(u),
        ["databaseId"] = (_, u, _) => u.Id,
        ["login"] = (_, u, _) => u.Login,
        ["url"] = (x, u, _) => (string)x.Call.Shapes.User(u)!["html_url"]!,
    });

    private static Dictionary<string, Resolver> Issue(Dictionary<string, Func<GraphQlExecution, GitHubIssue, IReadOnlyDictionary<string, object?>, object?>> own)
    {
        var fields = new Dictionary<string, Func<GraphQlExecution, GitHubIssue, IReadOnlyDictionary<string, object?>, object?>>(own, StringComparer.Ordinal)
        {
            ["id"] = (_, i, _) => Shapes.IssueNodeId(i),
            ["databaseId"] = (_, i, _) => i.Id,
            ["fullDatabaseId"] = (_, i, _) => i.Id.ToString(CultureInfo.InvariantCulture),
            ["number"] = (_, i, _) => i.Number,
            ["title"] = (_, i, _) => i.Title,
            ["body"] = (_, i, _) => i.Body ?? "",
            ["url"] = (x, i, _) => x.Call.Shapes.Html(i),
            ["closed"] = (_, i, _) => !i.IsOpen,
            ["locked"] = (_, i, _) => i.IsLocked,
            ["author"] = (_, i, _) => Present(i.Author),
            ["authorAssociation"] = (_, i, _) => Shapes.Association(i.Repository, i.Author),
            ["editor"] = (_, i, _) => Present(i.LastEdit?.By),
            ["lastEditedAt"] = (_, i, _) => Shapes.Iso(i.LastEdit?.At),
            ["createdAt"] = (_, i, _) => Shapes.Iso(i.CreatedAt),
            ["updatedAt"] = (_, i, _) => Shapes.Iso(i.UpdatedAt),
            ["closedAt"] = (_, i, _) => Shapes.Iso(i.ClosedAt),
            ["repository"] = (_, i, _) => i.Repository,
            ["labels"] = (_, i, a) => Page("Label", a, [.. i.Labels.Select(l => new LabelNode(i.Repository, l))]),
            ["comments"] = (_, i, a) => Page("IssueComment", a, i.Comments),
            ["assignees"] = (_, i, a) => Page("User", a, i.Assignees),
            ["timelineItems"] = (_, i, a) => Timeline(i, a),
        };
        return Fields(fields);
    }

    private static GraphQlPage Issues(GitHubRepository repository, IReadOnlyDictionary<string, object?> arguments)
    {
        var filter = arguments.GetValueOrDefault("filterBy") as IReadOnlyDictionary<string, object?> ?? new Dictionary<string, object?>();
        DateTimeOffset? since = Text(filter, "since") is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : null;
        return Page("Issue", arguments, Ordered(arguments, repository.Issues.Where(i => i.Pull is null && !i.IsDeleted
            && In(arguments, "states", i.IsOpen ? "OPEN" : "CLOSED")
            && In(filter, "states", i.IsOpen ? "OPEN" : "CLOSED")
            && (List(arguments, "labels") is not { } any || any.Any(i.HasLabel))
            && (List(filter, "labels") is not { } all || all.All(i.HasLabel))
            && (since is not { } from || i.UpdatedAt >= from))));
    }

    private static GitHubIssue[] Ordered(IReadOnlyDictionary<string, object?> arguments, IEnumerable<GitHubIssue> issues)
    {
        var order = arguments.GetValueOrDefault("orderBy") as IReadOnlyDictionary<string, object?> ?? new Dictionary<string, object?>();
        Func<GitHubIssue, IComparable> key = Text(order, "field") switch { "UPDATED_AT" => i => i.UpdatedAt, "COMMENTS" => i => i.Comments.Count, _ => i => i.CreatedAt };
        return Text(order, "direction") == "DESC" ? [.. issues.OrderByDescending(key).ThenByDescending(i => i.Number)] : [.. issues.OrderBy(key).ThenBy(i => i.Number)];
    }

    private static GraphQlPage Timeline(GitHubIssue issue, IReadOnlyDictionary<string, object?> arguments)
    {
        var since = Text(arguments, "since") is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : DateTimeOffset.MinValue;
        var all = issue.Events.Where(e => s_events.ContainsKey(e.Kind)).Select(e => (e.CreatedAt, e.Id, Node: (object)new EventNode(issue, e)))
            .Concat(issue.Comments.Select(c => (c.CreatedAt, c.Id, Node: (object)c)))
            .Where(i => i.CreatedAt >= since)
            .OrderBy(i => i.CreatedAt).ThenBy(i => i.Id)
            .Select(i => i.Node)
            .Where(n => In(arguments, "itemTypes", ItemType(TypeOf(n))));
        return Page(issue.Pull is null ? "IssueTimelineItems" : "PullRequestTimelineItems", arguments, [.. all]);
    }

    /// <summary><c>LabeledEvent</c> is <c>LABELED_EVENT</c> in a filter.</summary>
    private static string ItemType(string type) => string.Concat(type.Select((c, i) => i > 0 && char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));

    private static RefNode? Ref(GitHubRepository repository, string name) => repository.Refs.Read(name) is { } sha ? new RefNode(repository, name, sha) : null;

    private static GitHubUser? Present(GitHubUser? user) => user is { IsDeleted: false } ? user : null;

    private static GraphQlObject? Rollup(CommitNode commit)
    {
        var runs = commit.Repository.CheckRuns.Where(r => r.Sha == commit.Sha).Select(r => r.Conclusion is null ? "PENDING" : r.Conclusion is "success" or "neutral" or "skipped" ? "SUCCESS" : "FAILURE");
        var statuses = commit.Repository.Statuses.Where(s => s.Sha == commit.Sha).GroupBy(s => s.Context).Select(g => g.MaxBy(s => s.Id)!.State.ToUpperInvariant());
        var states = runs.Concat(statuses).ToArray();
        return states is [] ? null : new GraphQlObject("StatusCheckRollup", new Dictionary<string, object?>
        {
            ["id"] = Shapes.NodeId("SCR", commit.Repository.Id) + commit.Sha,
            ["state"] = states.Contains("FAILURE") ? "FAILURE" : states.Contains("ERROR") ? "ERROR" : states.Contains("PENDING") ? "PENDING" : "SUCCESS",
        });
    }

    private static GraphQlPage Page(string type, IReadOnlyDictionary<string, object?> arguments, IReadOnlyList<object> all)
    {
        var (first, last) = (arguments.GetValueOrDefault("first") as long?, arguments.GetValueOrDefault("last") as long?);
        var from = Text(arguments, "after") is { } after ? At(after) + 1 : 0;
        var to = Text(arguments, "before") is { } before ? At(before) : all.Count;
        if (first is { } head)
        {
            to = Math.Min(to, from + (int)head);
        }
        else if (last is { } tail)
        {
            from = Math.Max(from, to - (int)tail);
        }

        to = Math.Clamp(to, from, Math.Max(from, all.Count));
        var items = Enumerable.Range(from, Math.Max(0, Math.Min(to, all.Count) - from)).Select(i => (all[i], WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cursor:{i}"))))).ToArray();
        return new GraphQlPage(type, items, all.Count, to < all.Count, from > 0);

        static int At(string cursor)
        {
            try
            {
                return int.Parse(Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor)).AsSpan("cursor:".Length), CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
            {
                throw new GraphQlException("INVALID_CURSOR_ARGUMENTS", $"`{cursor}` does not appear to be a valid cursor.");
            }
        }
    }

    private static string? Text(IReadOnlyDictionary<string, object?> arguments, string name) => arguments.GetValueOrDefault(name) as string;

    private static int Number(IReadOnlyDictionary<string, object?> arguments, string name) => (int)(long)arguments[name]!;

    private static string[]? List(IReadOnlyDictionary<string, object?> arguments, string name) => arguments.GetValueOrDefault(name) switch
    {
        IEnumerable<object?> many => [.. many.Cast<string>()],
        string one => [one],
        _ => null,
    };

    private static bool In(IReadOnlyDictionary<string, object?> arguments, string name, string value) => List(arguments, name) is not { } list || list.Contains(value);
}
