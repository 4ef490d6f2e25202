using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>Writes what the stand-in knows in the words of GitHub's published description.</summary>
/// <param name="api">Where the REST API is, by which name the caller came.</param>
/// <param name="html">Where the web pages would be.</param>
internal sealed class Shapes(string api, string html)
{
    private static readonly string[] s_reactions = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];

    public string Api => api;

    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string? Iso(DateTimeOffset? time) => time is { } at ? Iso(at) : null;

    public static string NodeId(string kind, long id) => $"{kind}_{WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(id.ToString(CultureInfo.InvariantCulture)))}";

    public static string UserNodeId(GitHubUser user) => NodeId(user.Type is GitHubUserType.Bot ? "BOT" : user.Type is GitHubUserType.Organization ? "O" : "U", user.Id);

    public static string IssueNodeId(GitHubIssue issue) => issue.Pull is null ? NodeId("I", issue.Id) : NodeId("PR", issue.Id);

    public string RepositoryUrl(GitHubRepository repository) => $"{api}/repos/{repository.FullName}";

    public string Html(GitHubRepository repository) => $"{html}/{repository.FullName}";

    public string Html(GitHubIssue issue) => string.Create(CultureInfo.InvariantCulture, $"{Html(issue.Repository)}/{(issue.Pull is null ? "issues" : "pull")}/{issue.Number}");

    public string IssueUrl(GitHubIssue issue) => string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(issue.Repository)}/issues/{issue.Number}");

    public string PullUrl(GitHubPull pull) => string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(pull.Issue.Repository)}/pulls/{pull.Issue.Number}");

    public Dictionary<string, object?>? User(GitHubUser? user)
    {
        if (user is null || user.IsDeleted)
        {
            return null;
        }

        var url = $"{api}/users/{Uri.EscapeDataString(user.Login)}";
        return new()
        {
            ["login"] = user.Login,
            ["id"] = user.Id,
            ["node_id"] = UserNodeId(user),
            ["avatar_url"] = $"{html}/avatars/{user.Id}",
            ["gravatar_id"] = "",
            ["url"] = url,
            ["html_url"] = $"{html}/{Uri.EscapeDataString(user.Login)}",
            ["followers_url"] = $"{url}/followers",
            ["following_url"] = $"{url}/following{{/other_user}}",
            ["gists_url"] = $"{url}/gists{{/gist_id}}",
            ["starred_url"] = $"{url}/starred{{/owner}}{{/repo}}",
            ["subscriptions_url"] = $"{url}/subscriptions",
            ["organizations_url"] = $"{url}/orgs",
            ["repos_url"] = $"{url}/repos",
            ["events_url"] = $"{url}/events{{/privacy}}",
            ["received_events_url"] = $"{url}/received_events",
            ["type"] = user.Type.ToString(),
            ["site_admin"] = false,
        };
    }

    public Dictionary<string, object?> FullUser(GitHubUser user)
    {
        var shape = User(user)!;
        foreach (var name in new[] { "name", "company", "blog", "location", "email", "hireable", "bio" })
        {
            shape[name] = null;
        }

        shape["public_repos"] = shape["public_gists"] = shape["followers"] = shape["following"] = 0;
        shape["created_at"] = shape["updated_at"] = Iso(user.CreatedAt);
        return shape;
    }

    public Dictionary<string, object?> MinimalRepository(GitHubRepository repository)
    {
        var url = RepositoryUrl(repository);
        var shape = new Dictionary<string, object?>
        {
            ["id"] = repository.Id,
            ["node_id"] = NodeId("R", repository.Id),
            ["name"] = repository.Name,
            ["full_name"] = repository.FullName,
            ["owner"] = User(repository.Owner),
            ["private"] = repository.IsPrivate,
            ["html_url"] = Html(repository),
            ["description"] = repository.Description,
            ["fork"] = false,
            ["url"] = url,
        };
        foreach (var name in new[] { "contributors", "deployments", "downloads", "events", "forks", "languages", "merges", "stargazers", "subscribers", "subscription", "tags", "teams", "hooks" })
        {
            shape[name + "_url"] = $"{url}/{name}";
        }

        foreach (var (name, rest) in new[]
        {
            ("archive", "{archive_format}{/ref}"), ("assignees", "assignees{/user}"), ("blobs", "git/blobs{/sha}"), ("branches", "branches{/branch}"), ("collaborators", "collaborators{/collaborator}"),
            ("comments", "comments{/number}"), ("commits", "commits{/sha}"), ("compare", "compare/{base}...{head}"), ("contents", "contents/{+path}"), ("git_commits", "git/commits{/sha}"),
            ("git_refs", "git/refs{/sha}"), ("git_tags", "git/tags{/sha}"), ("issue_comment", "issues/comments{/number}"), ("issue_events", "issues/events{/number}"), ("issues", "issues{/number}"),
            ("keys", "keys{/key_id}"), ("labels", "labels{/name}"), ("milestones", "milestones{/number}"), ("notifications", "notifications{?since,all,participating}"), ("pulls", "pulls{/number}"),
            ("releases", "releases{/id}"), ("statuses", "statuses/{sha}"), ("trees", "git/trees{/sha}"),
        })
        {
            shape[name + "_url"] = $"{url}/{rest}";
        }

        return shape;
    }

    /// <summary>The repository as an operation on repositories and pull requests shows it.</summary>
    /// <param name="role">What the caller may do.</param>
    public Dictionary<string, object?> Repository(GitHubRepository repository, GitHubRole role)
    {
        var shape = MinimalRepository(repository);
        var issues = repository.Issues.Count(i => i.IsOpen);
        foreach (var (name, value) in new (string, object?)[]
        {
            ("git_url", $"git://{new Uri(html).Authority}/{repository.FullName}.git"), ("ssh_url", $"git@{new Uri(html).Host}:{repository.FullName}.git"), ("clone_url", $"{Html(repository)}.git"),
            ("svn_url", Html(repository)), ("mirror_url", null), ("homepage", null), ("language", null), ("forks_count", 0), ("stargazers_count", 0), ("watchers_count", 0), ("size", 0),
            ("default_branch", repository.DefaultBranch), ("open_issues_count", issues), ("has_issues", repository.HasIssues), ("has_projects", true), ("has_downloads", true), ("has_wiki", true),
            ("has_pages", false), ("has_discussions", false), ("archived", repository.IsArchived), ("disabled", repository.IsDisabled), ("visibility", repository.IsPrivate ? "private" : "public"),
            ("pushed_at", Iso(repository.PushedAt)), ("created_at", Iso(repository.CreatedAt)), ("updated_at", Iso(repository.UpdatedAt)), ("license", null), ("forks", 0), ("open_issues", issues), ("watchers", 0),
            ("permissions", new { admin = role >= GitHubRole.Admin, maintain = role >= GitHubRole.Maintain, push = role >= GitHubRole.Write, triage = role >= GitHubRole.Triage, pull = role >= GitHubRole.Read }),
        })
        {
            shape[name] = value;
        }

        return shape;
    }

    public Dictionary<string, object?> FullRepository(GitHubRepository repository, GitHubRole role)
    {
        var shape = Repository(repository, role);
        shape["subscribers_count"] = shape["network_count"] = 0;
        return shape;
    }

    public object Label(GitHubRepository repository, GitHubLabel label) => new
    {
        id = label.Id,
        node_id = NodeId("LA", label.Id),
        url = $"{RepositoryUrl(repository)}/labels/{Uri.EscapeDataString(label.Name)}",
        name = label.Name,
        description = label.Description,
        color = label.Color,
        @default = false,
    };

    private static Dictionary<string, object?> Reactions(string url, List<GitHubReaction> reactions)
    {
        var shape = new Dictionary<string, object?> { ["url"] = $"{url}/reactions", ["total_count"] = reactions.Count };
        foreach (var content in s_reactions)
        {
            shape[content] = reactions.Count(r => r.Content == content);
        }

        return shape;
    }

    public Dictionary<string, object?> Issue(GitHubIssue issue)
    {
        var url = IssueUrl(issue);
        var assignees = issue.Assignees.Select(User).OfType<object>().ToArray();
        var shape = new Dictionary<string, object?>
        {
            ["url"] = url,
            ["repository_url"] = RepositoryUrl(issue.Repository),
            ["labels_url"] = $"{url}/labels{{/name}}",
            ["comments_url"] = $"{url}/comments",
            ["events_url"] = $"{url}/events",
            ["html_url"] = Html(issue),
            ["id"] = issue.Id,
            ["node_id"] = IssueNodeId(issue),
            ["number"] = issue.Number,
            ["title"] = issue.Title,
            ["user"] = User(issue.Author),
            ["labels"] = issue.Labels.Select(l => Label(issue.Repository, l)).ToArray(),
            ["state"] = issue.IsOpen ? "open" : "closed",
            ["locked"] = issue.IsLocked,
            ["assignee"] = assignees.FirstOrDefault(),
            ["assignees"] = assignees,
            ["milestone"] = null,
            ["comments"] = issue.Comments.Count,
            ["created_at"] = Iso(issue.CreatedAt),
            ["updated_at"] = Iso(issue.UpdatedAt),
            ["closed_at"] = Iso(issue.ClosedAt),
            ["author_association"] = Association(issue.Repository, issue.Author),
            ["active_lock_reason"] = null,
            ["body"] = issue.Body,
            ["closed_by"] = User(issue.ClosedBy),
            ["reactions"] = Reactions(url, issue.Reactions),
            ["timeline_url"] = $"{url}/timeline",
            ["performed_via_github_app"] = null,
            ["state_reason"] = issue.StateReason,
        };
        if (issue.Pull is { } pull)
        {
            shape["draft"] = pull.IsDraft;
            shape["pull_request"] = new { url = PullUrl(pull), html_url = Html(issue), diff_url = $"{Html(issue)}.diff", patch_url = $"{Html(issue)}.patch", merged_at = Iso(pull.MergedAt) };
        }

        return shape;
    }

    public Dictionary<string, object?> Comment(GitHubComment comment)
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(comment.Issue.Repository)}/issues/comments/{comment.Id}");
        return new()
        {
            ["url"] = url,
            ["html_url"] = string.Create(CultureInfo.InvariantCulture, $"{Html(comment.Issue)}#issuecomment-{comment.Id}"),
            ["issue_url"] = IssueUrl(comment.Issue),
            ["id"] = comment.Id,
            ["node_id"] = NodeId("IC", comment.Id),
            ["user"] = User(comment.Author),
            ["created_at"] = Iso(comment.CreatedAt),
            ["updated_at"] = Iso(comment.UpdatedAt),
            ["author_association"] = Association(comment.Issue.Repository, comment.Author),
            ["body"] = comment.Body,
            ["reactions"] = Reactions(url, comment.Reactions),
            ["performed_via_github_app"] = null,
        };
    }

    /// <param name="onTimeline">Only there a closing says why.</param>
    public Dictionary<string, object?> Event(GitHubIssue issue, GitHubEvent happened, bool onTimeline = false)
    {
        if (happened.Kind == "cross-referenced")
        {
            return new()
            {
                ["actor"] = User(happened.Actor),
                ["created_at"] = Iso(happened.CreatedAt),
                ["updated_at"] = Iso(happened.CreatedAt),
                ["event"] = "cross-referenced",
                ["source"] = new { type = "issue", issue = Issue(happened.Source!) },
            };
        }

        var shape = new Dictionary<string, object?>
        {
            ["id"] = happened.Id,
            ["node_id"] = NodeId("EV", happened.Id),
            ["url"] = string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(issue.Repository)}/issues/events/{happened.Id}"),
            ["actor"] = User(happened.Actor),
            ["event"] = happened.Kind,
            ["commit_id"] = happened.CommitId,
            ["commit_url"] = happened.CommitId is { } sha ? $"{RepositoryUrl(issue.Repository)}/commits/{sha}" : null,
            ["created_at"] = Iso(happened.CreatedAt),
            ["performed_via_github_app"] = null,
        };
        if (happened.Label is { } label)
        {
            shape["label"] = new { name = label.Name, color = label.Color };
        }

        if (happened.Rename is var (from, to))
        {
            shape["rename"] = new { from, to };
        }

        if (happened.Kind == "closed" && onTimeline)
        {
            shape["state_reason"] = happened.StateReason;
        }

        if (happened.Kind == "locked")
        {
            shape["lock_reason"] = happened.LockReason;
        }

        if (happened.Kind == "review_requested")
        {
            shape["review_requester"] = User(happened.Actor);
            shape["requested_reviewer"] = User(happened.Subject);
        }

        if (happened.Kind is "assigned" or "unassigned")
        {
            shape["assignee"] = User(happened.Subject);
            shape["assigner"] = User(happened.Actor);
        }

        return shape;
    }

    public Dictionary<string, object?> Pull(GitHubPull pull, GitHubRole role)
    {
        var issue = pull.Issue;
        var repository = issue.Repository;
        var (url, page) = (PullUrl(pull), Html(issue));
        var user = User(issue.Author);
        var assignees = issue.Assignees.Select(User).OfType<object>().ToArray();
        object Side(string branch, string sha) => new { label = $"{repository.Owner.Login}:{branch}", @ref = branch, sha, user = User(repository.Owner), repo = Repository(repository, role) };
        static object To(string href) => new { href };
        return new()
        {
            ["url"] = url,
            ["id"] = issue.Id,
            ["node_id"] = IssueNodeId(issue),
            ["html_url"] = page,
            ["diff_url"] = $"{page}.diff",
            ["patch_url"] = $"{page}.patch",
            ["issue_url"] = IssueUrl(issue),
            ["number"] = issue.Number,
            ["state"] = issue.IsOpen ? "open" : "closed",
            ["locked"] = issue.IsLocked,
            ["title"] = issue.Title,
            ["user"] = user,
            ["body"] = issue.Body,
            ["created_at"] = Iso(issue.CreatedAt),
            ["updated_at"] = Iso(issue.UpdatedAt),
            ["closed_at"] = Iso(issue.ClosedAt),
            ["merged_at"] = Iso(pull.MergedAt),
            ["merge_commit_sha"] = pull.MergeCommit,
            ["assignee"] = assignees.FirstOrDefault(),
            ["assignees"] = assignees,
            ["requested_reviewers"] = pull.RequestedReviewers.Select(User).OfType<object>().ToArray(),
            ["requested_teams"] = Array.Empty<object>(),
            ["labels"] = issue.Labels.Select(l => Label(repository, l)).ToArray(),
            ["milestone"] = null,
            ["draft"] = pull.IsDraft,
            ["commits_url"] = $"{url}/commits",
            ["review_comments_url"] = $"{url}/comments",
            ["review_comment_url"] = $"{RepositoryUrl(repository)}/pulls/comments{{/number}}",
            ["comments_url"] = $"{IssueUrl(issue)}/comments",
            ["statuses_url"] = $"{RepositoryUrl(repository)}/statuses/{pull.HeadSha}",
            ["head"] = Side(pull.Head, pull.HeadSha),
            ["base"] = Side(pull.Base, pull.BaseSha),
            ["_links"] = new
            {
                self = To(url),
                html = To(page),
                issue = To(IssueUrl(issue)),
                comments = To($"{IssueUrl(issue)}/comments"),
                review_comments = To($"{url}/comments"),
                review_comment = To($"{RepositoryUrl(repository)}/pulls/comments{{/number}}"),
                commits = To($"{url}/commits"),
                statuses = To($"{RepositoryUrl(repository)}/statuses/{pull.HeadSha}"),
            },
            ["author_association"] = Association(repository, issue.Author),
            ["auto_merge"] = null,
            ["active_lock_reason"] = null,
        };
    }

    /// <summary>With what only the single pull request tells.</summary>
    public Dictionary<string, object?> FullPull(GitHubPull pull, GitHubRole role, PullFigures figures)
    {
        var shape = Pull(pull, role);
        shape["merged"] = pull.MergedAt is not null;
        shape["mergeable"] = pull.Issue.IsOpen ? figures.Mergeable : null;
        shape["rebaseable"] = null;
        shape["mergeable_state"] = !pull.Issue.IsOpen ? "unknown" : !figures.Mergeable ? "dirty" : pull.IsDraft ? "draft" : "clean";
        shape["merged_by"] = User(pull.MergedBy);
        shape["comments"] = pull.Issue.Comments.Count;
        shape["review_comments"] = pull.ReviewComments.Count;
        shape["maintainer_can_modify"] = false;
        shape["commits"] = figures.Commits;
        shape["additions"] = figures.Additions;
        shape["deletions"] = figures.Deletions;
        shape["changed_files"] = figures.Files;
        return shape;
    }

    public object Review(GitHubPull pull, GitHubReview review)
    {
        var page = string.Create(CultureInfo.InvariantCulture, $"{Html(pull.Issue)}#pullrequestreview-{review.Id}");
        return new
        {
            id = review.Id,
            node_id = NodeId("PRR", review.Id),
            user = User(review.Author),
            body = review.Body,
            state = review.State,
            html_url = page,
            pull_request_url = PullUrl(pull),
            author_association = Association(pull.Issue.Repository, review.Author),
            _links = new { html = new { href = page }, pull_request = new { href = PullUrl(pull) } },
            submitted_at = Iso(review.SubmittedAt),
            commit_id = review.CommitId,
        };
    }

    public object ReviewComment(GitHubPull pull, GitHubReviewComment comment)
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(pull.Issue.Repository)}/pulls/comments/{comment.Id}");
        var page = string.Create(CultureInfo.InvariantCulture, $"{Html(pull.Issue)}#discussion_r{comment.Id}");
        return new
        {
            url,
            pull_request_review_id = comment.ReviewId,
            id = comment.Id,
            node_id = NodeId("PRRC", comment.Id),
            diff_hunk = "@@ -1,1 +1,1 @@",
            path = comment.Path,
            commit_id = comment.CommitId,
            original_commit_id = comment.CommitId,
            user = User(comment.Author),
            body = comment.Body,
            created_at = Iso(comment.CreatedAt),
            updated_at = Iso(comment.CreatedAt),
            html_url = page,
            pull_request_url = PullUrl(pull),
            author_association = Association(pull.Issue.Repository, comment.Author),
            _links = new { self = new { href = url }, html = new { href = page }, pull_request = new { href = PullUrl(pull) } },
            line = comment.Line,
            side = "RIGHT",
        };
    }

    public object Reaction(GitHubReaction reaction) => new
    {
        id = reaction.Id,
        node_id = NodeId("REA", reaction.Id),
        user = User(reaction.User),
        content = reaction.Content,
        created_at = Iso(reaction.CreatedAt),
    };

    public object Ref(GitHubRepository repository, string name, string sha) => new
    {
        @ref = name,
        node_id = NodeId("REF", repository.Id) + WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(name)),
        url = $"{RepositoryUrl(repository)}/git/{name}",
        @object = new { sha, type = "commit", url = $"{RepositoryUrl(repository)}/git/commits/{sha}" },
    };

    public object CheckRun(GitHubRepository repository, GitHubCheckRun run)
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(repository)}/check-runs/{run.Id}");
        return new
        {
            id = run.Id,
            name = run.Name,
            node_id = NodeId("CR", run.Id),
            head_sha = run.Sha,
            external_id = "",
            url,
            html_url = string.Create(CultureInfo.InvariantCulture, $"{Html(repository)}/runs/{run.Id}"),
            details_url = (string?)null,
            status = run.Status,
            conclusion = run.Conclusion,
            started_at = Iso(run.StartedAt),
            completed_at = Iso(run.CompletedAt),
            output = new { title = run.Title, summary = run.Summary, text = (string?)null, annotations_count = 0, annotations_url = $"{url}/annotations" },
            check_suite = new { id = run.SuiteId },
            app = (object?)null,
            pull_requests = Array.Empty<object>(),
        };
    }

    public object CheckSuite(GitHubRepository repository, IReadOnlyCollection<GitHubCheckRun> runs)
    {
        var first = runs.First();
        var url = string.Create(CultureInfo.InvariantCulture, $"{RepositoryUrl(repository)}/check-suites/{first.SuiteId}");
        var done = runs.All(r => r.Conclusion is not null);
        return new
        {
            id = first.SuiteId,
            node_id = NodeId("CS", first.SuiteId),
            head_branch = (string?)null,
            head_sha = first.Sha,
            status = done ? "completed" : "in_progress",
            conclusion = !done ? null : runs.Any(r => r.Conclusion is not ("success" or "neutral" or "skipped")) ? "failure" : "success",
            url,
            before = (string?)null,
            after = (string?)null,
            pull_requests = Array.Empty<object>(),
            app = (object?)null,
            repository = MinimalRepository(repository),
            created_at = Iso(first.StartedAt),
            updated_at = Iso(runs.Max(r => r.CompletedAt ?? r.StartedAt)),
            head_commit = new
            {
                id = first.Sha,
                tree_id = first.Sha,
                message = "",
                timestamp = Iso(first.StartedAt),
                author = new { name = "author", email = "author@example.org" },
                committer = new { name = "author", email = "author@example.org" },
            },
            latest_check_runs_count = runs.Count,
            check_runs_url = $"{url}/check-runs",
        };
    }

    public object Status(GitHubRepository repository, GitHubStatus status, bool simple)
    {
        var shape = new Dictionary<string, object?>
        {
            ["url"] = $"{RepositoryUrl(repository)}/statuses/{status.Sha}",
            ["avatar_url"] = null,
            ["id"] = status.Id,
            ["node_id"] = NodeId("SC", status.Id),
            ["state"] = status.State,
            ["description"] = status.Description,
            ["target_url"] = null,
            ["context"] = status.Context,
            ["created_at"] = Iso(status.CreatedAt),
            ["updated_at"] = Iso(status.CreatedAt),
        };
        if (!simple)
        {
            shape["creator"] = User(status.Creator);
        }

        return shape;
    }

    public object Commit(GitHubRepository repository, GitCommit commit)
    {
        var url = $"{RepositoryUrl(repository)}/commits/{commit.Sha}";
        var author = new { name = commit.Author, email = commit.Email, date = Iso(commit.At) };
        return new
        {
            sha = commit.Sha,
            node_id = NodeId("C", repository.Id) + commit.Sha,
            url,
            html_url = $"{Html(repository)}/commit/{commit.Sha}",
            comments_url = $"{url}/comments",
            commit = new
            {
                author,
                committer = author,
                message = commit.Message,
                tree = new { sha = commit.Tree, url = $"{RepositoryUrl(repository)}/git/trees/{commit.Tree}" },
                url = $"{RepositoryUrl(repository)}/git/commits/{commit.Sha}",
                comment_count = 0,
                verification = new { verified = false, reason = "unsigned", signature = (string?)null, payload = (string?)null, verified_at = (string?)null },
            },
            author = (object?)null,
            committer = (object?)null,
            parents = commit.Parents.Select(p => new { sha = p, url = $"{RepositoryUrl(repository)}/commits/{p}", html_url = $"{Html(repository)}/commit/{p}" }).ToArray(),
        };
    }

    public Dictionary<string, object?> Installation(GitHubInstallation installation) => new()
    {
        ["id"] = installation.Id,
        ["account"] = User(installation.Account),
        ["repository_selection"] = installation.Repositories is null ? "all" : "selected",
        ["access_tokens_url"] = $"{api}/app/installations/{installation.Id}/access_tokens",
        ["repositories_url"] = $"{api}/installation/repositories",
        ["html_url"] = $"{html}/settings/installations/{installation.Id}",
        ["app_id"] = installation.App.Id,
        ["app_slug"] = installation.App.Slug,
        ["target_id"] = installation.Account.Id,
        ["target_type"] = installation.Account.Type.ToString(),
        ["permissions"] = installation.Permissions,
        ["events"] = Array.Empty<string>(),
        ["created_at"] = Iso(installation.CreatedAt),
        ["updated_at"] = Iso(installation.CreatedAt),
        ["single_file_name"] = null,
        ["suspended_by"] = null,
        ["suspended_at"] = null,
    };

    public static string Association(GitHubRepository repository, GitHubUser? user)
        => user is null || user.IsDeleted ? "NONE" : user == repository.Owner ? "OWNER" : repository.RoleOf(user) > GitHubRole.Read ? "COLLABORATOR" : "NONE";
}

/// <summary>What git says about a pull request.</summary>
internal sealed record PullFigures(bool Mergeable, int Commits, int Files, int Additions, int Deletions);

internal sealed record GitCommit(string Sha, string Tree, IReadOnlyList<string> Parents, string Author, string Email, DateTimeOffset At, string Message);
