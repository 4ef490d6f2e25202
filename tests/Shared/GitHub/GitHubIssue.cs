using System.Text.RegularExpressions;

namespace ClaudeManager.Tests.Shared.GitHub;

public sealed record GitHubLabel(long Id, string Name, string Color, string? Description);

public sealed record GitHubReaction(long Id, GitHubUser User, string Content, DateTimeOffset CreatedAt);

/// <summary>Something that happened to an issue or a pull request, in GitHub's own names (<c>labeled</c>, <c>renamed</c>, …).</summary>
public sealed record GitHubEvent(long Id, string Kind, GitHubUser? Actor, DateTimeOffset CreatedAt)
{
    public GitHubLabel? Label { get; init; }

    public (string From, string To)? Rename { get; init; }

    public string? CommitId { get; init; }

    public string? StateReason { get; init; }

    public string? LockReason { get; init; }

    /// <summary>Of <c>cross-referenced</c>: what mentions this issue.</summary>
    public GitHubIssue? Source { get; init; }

    public GitHubUser? Subject { get; init; }
}

public sealed class GitHubComment
{
    internal GitHubComment(long id, GitHubIssue issue, GitHubUser? author, string body, DateTimeOffset createdAt)
    {
        (Id, Issue, Author, Body, CreatedAt, UpdatedAt) = (id, issue, author, body, createdAt, createdAt);
    }

    public long Id { get; }

    public GitHubIssue Issue { get; }

    public GitHubUser? Author { get; }

    public string Body { get; internal set; }

    public DateTimeOffset CreatedAt { get; }

    public DateTimeOffset UpdatedAt { get; internal set; }

    internal List<GitHubReaction> Reactions { get; } = [];
}

/// <summary>An issue, or with <see cref="Pull"/> the issue side of a pull request. The methods are what a person does on the web page.</summary>
public sealed partial class GitHubIssue
{
    private readonly GitHubWorld _world;
    private readonly List<GitHubLabel> _labels = [];
    private readonly List<GitHubComment> _comments = [];
    private readonly List<GitHubEvent> _events = [];

    internal GitHubIssue(GitHubWorld world, GitHubRepository repository, int number, GitHubUser? author, string title, string? body)
    {
        _world = world;
        (Id, Repository, Number, Author, Title, Body) = (world.NextId(), repository, number, author, title, body);
        CreatedAt = UpdatedAt = world.Now;
    }

    public long Id { get; }

    public GitHubRepository Repository { get; }

    public int Number { get; }

    public GitHubUser? Author { get; internal set; }

    public string Title { get; private set; }

    public string? Body { get; private set; }

    public bool IsOpen { get; private set; } = true;

    /// <summary><c>completed</c>, <c>not_planned</c> or <c>reopened</c>.</summary>
    public string? StateReason { get; private set; }

    public bool IsLocked { get; private set; }

    public bool IsDeleted { get; private set; }

    public DateTimeOffset CreatedAt { get; internal set; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public DateTimeOffset? ClosedAt { get; private set; }

    public GitHubUser? ClosedBy { get; private set; }

    /// <summary>When title or body were last edited, and by whom: only GraphQL tells.</summary>
    public (DateTimeOffset At, GitHubUser? By)? LastEdit { get; private set; }

    public GitHubPull? Pull { get; internal set; }

    public IReadOnlyList<GitHubLabel> Labels => Snapshot(_labels);

    public IReadOnlyList<GitHubComment> Comments => Snapshot(_comments);

    public IReadOnlyList<GitHubEvent> Events => Snapshot(_events);

    internal List<GitHubReaction> Reactions { get; } = [];

    internal List<GitHubUser> Assignees { get; } = [];

    public bool HasLabel(string name)
    {
        lock (_world.Gate)
        {
            return _labels.Exists(l => l.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        }
    }

    /// <summary>Adds a label, made first if the repository has none of that name.</summary>
    public GitHubIssue Label(string by, params string[] names)
    {
        lock (_world.Gate)
        {
            foreach (var name in names.Where(n => !HasLabel(n)))
            {
                var label = Repository.LabelNamed(name) ?? Repository.AddLabel(name);
                _labels.Add(label);
                Record("labeled", _world.User(by), e => e with { Label = label });
            }

            return this;
        }
    }

    public GitHubIssue Unlabel(string by, string name)
    {
        lock (_world.Gate)
        {
            foreach (var label in _labels.Where(l => l.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).ToArray())
            {
                _labels.Remove(label);
                Record("unlabeled", _world.User(by), e => e with { Label = label });
            }

            return this;
        }
    }

    public GitHubComment Comment(string by, string body)
    {
        lock (_world.Gate)
        {
            var comment = new GitHubComment(_world.NextId(), this, _world.User(by), body, _world.Now);
            _comments.Add(comment);
            Touch();
            MentionFrom(body);
            return comment;
        }
    }

    /// <summary>A new title is an event for all to see; a new body shows in <see cref="LastEdit"/> only.</summary>
    public GitHubIssue Edit(string by, string? title = null, string? body = null)
    {
        lock (_world.Gate)
        {
            var user = _world.User(by);
            if (title is not null && title != Title)
            {
                var rename = (Title, title);
                Title = title;
                Record("renamed", user, e => e with { Rename = rename });
            }

            if (body is not null && body != Body)
            {
                Body = body;
                LastEdit = (_world.Now, user);
                Touch();
                MentionFrom(body);
            }

            return this;
        }
    }

    /// <param name="reason"><c>completed</c> or <c>not_planned</c>.</param>
    public GitHubIssue Close(string by, string reason = "completed", string? commitId = null)
    {
        lock (_world.Gate)
        {
            if (!IsOpen)
            {
                return this;
            }

            Pull?.Freeze();
            (IsOpen, StateReason, ClosedAt, ClosedBy) = (false, Pull is null ? reason : null, _world.Now, _world.User(by));
            Record("closed", ClosedBy, e => e with { StateReason = StateReason, CommitId = commitId });
            return this;
        }
    }

    public GitHubIssue Reopen(string by)
    {
        lock (_world.Gate)
        {
            if (IsOpen)
            {
                return this;
            }

            Pull?.Freeze(frozen: false);
            (IsOpen, StateReason, ClosedAt, ClosedBy) = (true, Pull is null ? "reopened" : null, null, null);
            Record("reopened", _world.User(by));
            return this;
        }
    }

    public GitHubIssue Lock(string by, string? reason = null)
    {
        lock (_world.Gate)
        {
            IsLocked = true;
            Record("locked", _world.User(by), e => e with { LockReason = reason });
            return this;
        }
    }

    public GitHubIssue Unlock(string by)
    {
        lock (_world.Gate)
        {
            IsLocked = false;
            Record("unlocked", _world.User(by));
            return this;
        }
    }

    /// <summary>Deleted by an administrator: 410 from now on.</summary>
    public void Delete()
    {
        lock (_world.Gate)
        {
            IsDeleted = true;
        }
    }

    /// <summary>The issue as if last touched long ago.</summary>
    public GitHubIssue Dated(DateTimeOffset createdAt, DateTimeOffset updatedAt)
    {
        lock (_world.Gate)
        {
            (CreatedAt, UpdatedAt) = (createdAt, updatedAt);
            return this;
        }
    }

    internal GitHubEvent Record(string kind, GitHubUser? actor, Func<GitHubEvent, GitHubEvent>? with = null)
    {
        var happened = new GitHubEvent(_world.NextId(), kind, actor, _world.Now);
        happened = with?.Invoke(happened) ?? happened;
        _events.Add(happened);
        Touch();
        return happened;
    }

    /// <summary>A pull request's body is set after it is one; that was no edit.</summary>
    internal void ForgetEdit() => LastEdit = null;

    internal void Touch() => UpdatedAt = _world.Now;

    internal void Forget(GitHubComment comment) => _comments.Remove(comment);

    /// <summary>What this text mentions learns of it, as GitHub's timeline shows.</summary>
    internal void MentionFrom(string? text)
    {
        foreach (var (target, _) in Mentions(text))
        {
            if (target != this && !target._events.Exists(e => e.Kind == "cross-referenced" && e.Source == this))
            {
                target.Record("cross-referenced", Author, e => e with { Source = this });
            }
        }
    }

    /// <summary>The issues a text names; <c>Closes</c> where a closing keyword stands before.</summary>
    internal IEnumerable<(GitHubIssue Issue, bool Closes)> Mentions(string? text)
    {
        foreach (Match match in Mention().Matches(Code().Replace(text ?? "", "")))
        {
            var repository = match.Groups["repo"].Value is { Length: > 0 } name ? _world.Repositories.GetValueOrDefault(name) : Repository;
            if (repository?.IssueNumbered(int.Parse(match.Groups["number"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)) is { IsDeleted: false } issue)
            {
                yield return (issue, match.Groups["closes"].Success);
            }
        }
    }

    /// <summary>Fenced blocks and code spans, in which GitHub sees no mention.</summary>
    [GeneratedRegex(@"^(?<f>`{3,})[^\n]*\n.*?^\k<f>`*[ ]*$|(?<!`)(?<s>`+)(?!`).*?(?<!`)\k<s>(?!`)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    private T[] Snapshot<T>(List<T> list)
    {
        lock (_world.Gate)
        {
            return [.. list];
        }
    }

    [GeneratedRegex(@"(?:\b(?<closes>close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+)?(?:https?://[^\s/]+/(?<repo>[\w.-]+/[\w.-]+)/(?:issues|pull)/|(?<![\w/])(?:(?<repo>[\w.-]+/[\w.-]+))?#)(?<number>\d{1,9})\b", RegexOptions.IgnoreCase)]
    private static partial Regex Mention();
}
