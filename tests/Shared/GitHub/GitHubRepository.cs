using System.Globalization;
using System.Text;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <param name="State"><c>success</c>, <c>failure</c>, <c>error</c> or <c>pending</c>.</param>
public sealed record GitHubStatus(long Id, string Sha, string State, string Context, string? Description, GitHubUser? Creator, DateTimeOffset CreatedAt);

/// <param name="Conclusion">Null while it runs.</param>
public sealed record GitHubCheckRun(long Id, long SuiteId, string Sha, string Name, string Status, string? Conclusion, string? Title, string? Summary, DateTimeOffset StartedAt, DateTimeOffset? CompletedAt);

/// <summary>A repository: its settings and issues in memory, its commits in a real bare git repository.</summary>
public sealed class GitHubRepository
{
    private readonly GitHubWorld _world;
    private readonly Dictionary<string, GitHubRole> _roles = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<GitHubLabel> _labels = [];
    private readonly List<GitHubIssue> _issues = [];

    internal GitHubRepository(GitHubWorld world, long id, GitHubUser owner, string name, string gitDirectory)
    {
        _world = world;
        (Id, Owner, Name, GitDirectory) = (id, owner, name, gitDirectory);
        Refs = new GitRefs(gitDirectory);
        CreatedAt = UpdatedAt = PushedAt = world.Now;
        Directory.CreateDirectory(gitDirectory);
        // What `git init --bare` writes, without a process for each of a hundred repositories.
        foreach (var folder in new[] { "objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks", "info" })
        {
            Directory.CreateDirectory(Path.Combine(gitDirectory, folder));
        }

        File.WriteAllText(Path.Combine(gitDirectory, "HEAD"), "ref: refs/heads/main\n");
        File.WriteAllText(Path.Combine(gitDirectory, "config"), """
            [core]
            	repositoryformatversion = 0
            	bare = true
            [http]
            	receivepack = true
            [uploadpack]
            	allowFilter = true
            	allowAnySHA1InWant = true
            [receive]
            	autogc = false
            	hideRefs = refs/pull

            """);
    }

    public long Id { get; }

    public GitHubUser Owner { get; private set; }

    public string Name { get; private set; }

    public string FullName => $"{Owner.Login}/{Name}";

    /// <summary>The bare repository on disk.</summary>
    public string GitDirectory { get; }

    public string DefaultBranch { get; private set; } = "main";

    public bool IsPrivate { get; set; }

    public bool IsArchived { get; set; }

    /// <summary>Access blocked by GitHub.</summary>
    public bool IsDisabled { get; set; }

    public bool HasIssues { get; set; } = true;

    /// <summary>As GitHub would measure it; 0 until a test says more.</summary>
    public long SizeKb { get; set; }

    public string? Description { get; set; }

    public DateTimeOffset CreatedAt { get; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public DateTimeOffset PushedAt { get; private set; }

    /// <summary>Issues and pull requests, oldest first.</summary>
    public IReadOnlyList<GitHubIssue> Issues
    {
        get
        {
            lock (_world.Gate)
            {
                return [.. _issues];
            }
        }
    }

    public IReadOnlyList<GitHubPull> Pulls => [.. Issues.Select(i => i.Pull).OfType<GitHubPull>()];

    public IReadOnlyList<GitHubLabel> Labels
    {
        get
        {
            lock (_world.Gate)
            {
                return [.. _labels];
            }
        }
    }

    /// <summary>Branches and where they stand.</summary>
    public IReadOnlyDictionary<string, string> Branches => Refs.List("refs/heads/").ToDictionary(r => r.Name["refs/heads/".Length..], r => r.Sha);

    internal GitRefs Refs { get; }

    internal List<GitHubStatus> Statuses { get; } = [];

    internal List<GitHubCheckRun> CheckRuns { get; } = [];

    public GitHubRepository Collaborator(string login, GitHubRole role)
    {
        lock (_world.Gate)
        {
            _roles[_world.User(login).Login] = role;
            return this;
        }
    }

    public GitHubLabel AddLabel(string name, string color = "ededed", string? description = null)
    {
        lock (_world.Gate)
        {
            var label = new GitHubLabel(_world.NextId(), name, color, description);
            _labels.Add(label);
            return label;
        }
    }

    public GitHubIssue Issue(string title, string? body = null, string? by = null, params string[] labels)
    {
        lock (_world.Gate)
        {
            var author = _world.User(by ?? Owner.Login);
            return Open(author, title, body).Label(author.Login, labels);
        }
    }

    public GitHubIssue? IssueNumbered(int number)
    {
        lock (_world.Gate)
        {
            return number >= 1 && number <= _issues.Count ? _issues[number - 1] : null;
        }
    }

    /// <summary>The old name redirects from now on.</summary>
    public GitHubRepository Rename(string fullName)
    {
        lock (_world.Gate)
        {
            _world.Former[FullName] = this;
            _world.Repositories.Remove(FullName);
            (Owner, Name) = fullName.Split('/') is [var owner, var name] ? (_world.User(owner), name) : throw new ArgumentException("A repository is named owner/name.", nameof(fullName));
            _world.Repositories[FullName] = this;
            return this;
        }
    }

    /// <summary>Deleted, or made private without us: 404 from now on, its old names too.</summary>
    public void Vanish()
    {
        lock (_world.Gate)
        {
            _world.Repositories.Remove(FullName);
            foreach (var name in _world.Former.Where(f => f.Value == this).Select(f => f.Key).ToArray())
            {
                _world.Former.Remove(name);
            }
        }
    }

    /// <summary>Nobody pushes to this branch directly any more, by git's own <c>update</c> hook.</summary>
    public GitHubRepository Protect(string branch)
    {
        var hook = Path.Combine(GitDirectory, "hooks", "update");
        var name = "refs/heads/" + branch;
        File.AppendAllText(hook, $"""
            #!/bin/sh
            if [ "$1" = '{name.Replace("'", "", StringComparison.Ordinal)}' ]; then
              echo "error: GH006: Protected branch update failed for $1." >&2
              exit 1
            fi

            """);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(hook, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }

        return this;
    }

    /// <summary>A commit on top of a branch, made if it is not there; null as content deletes a file.</summary>
    /// <returns>The commit's id.</returns>
    public async Task<string> CommitAsync(string message, IEnumerable<(string Path, string? Content)> files, CancellationToken ct, string? branch = null, string? from = null)
    {
        var name = "refs/heads/" + (branch ?? DefaultBranch);
        var parent = Refs.Read(name) ?? (from is null ? branch is null ? null : Refs.Read("refs/heads/" + DefaultBranch) : Refs.Read("refs/heads/" + from) ?? from);
        using var stream = new MemoryStream();
        void Line(string text) => stream.Write(Encoding.UTF8.GetBytes(text + "\n"));
        void Data(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Line(string.Create(CultureInfo.InvariantCulture, $"data {bytes.Length}"));
            stream.Write(bytes);
            Line("");
        }

        Line($"commit {name}");
        Line(string.Create(CultureInfo.InvariantCulture, $"committer {Owner.Login} <{Owner.Login}@example.org> {_world.Now.ToUnixTimeSeconds()} +0000"));
        Data(message);
        if (parent is not null)
        {
            Line($"from {parent}");
        }

        foreach (var (path, content) in files)
        {
            if (content is null)
            {
                Line($"D {path}");
            }
            else
            {
                Line($"M 100644 inline {path}");
                Data(content);
            }
        }

        Line("done");
        await GitCommand.RunAsync(GitDirectory, ["fast-import", "--quiet", "--done", "--force"], ct, stream.ToArray()).ConfigureAwait(false);
        Pushed();
        return Refs.Read(name)!;
    }

    /// <summary>Takes every branch of another repository, as a first push does.</summary>
    public async Task<GitHubRepository> ImportAsync(string path, CancellationToken ct)
    {
        await GitCommand.RunAsync(GitDirectory, ["-c", "protocol.file.allow=always", "fetch", "--quiet", "--no-write-fetch-head", path, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], ct).ConfigureAwait(false);
        if (Refs.Read("refs/heads/" + DefaultBranch) is null && Refs.List("refs/heads/") is [var first, ..])
        {
            SetDefaultBranch(first.Name["refs/heads/".Length..]);
        }

        Pushed();
        return this;
    }

    public GitHubRepository SetDefaultBranch(string branch)
    {
        lock (_world.Gate)
        {
            DefaultBranch = branch;
            File.WriteAllText(Path.Combine(GitDirectory, "HEAD"), $"ref: refs/heads/{branch}\n");
            return this;
        }
    }

    /// <summary>A continuous-integration result on a commit.</summary>
    public GitHubCheckRun Check(string sha, string name, string? conclusion, string? title = null, string? summary = null)
    {
        lock (_world.Gate)
        {
            var suite = CheckRuns.FirstOrDefault(c => c.Sha == sha)?.SuiteId ?? _world.NextId();
            var run = new GitHubCheckRun(_world.NextId(), suite, sha, name, conclusion is null ? "in_progress" : "completed", conclusion, title, summary, _world.Now, conclusion is null ? null : _world.Now);
            CheckRuns.RemoveAll(c => c.Sha == sha && c.Name == name);
            CheckRuns.Add(run);
            return run;
        }
    }

    public GitHubStatus Status(string sha, string state, string context = "default", string? description = null, string? by = null)
    {
        lock (_world.Gate)
        {
            var status = new GitHubStatus(_world.NextId(), sha, state, context, description, _world.User(by ?? Owner.Login), _world.Now);
            Statuses.Add(status);
            return status;
        }
    }

    public GitHubRole RoleOf(GitHubUser? user)
    {
        lock (_world.Gate)
        {
            var role = user is null || user.IsDeleted ? GitHubRole.None
                : user == Owner ? GitHubRole.Admin
                : _roles.GetValueOrDefault(user.Login);
            return role is GitHubRole.None && !IsPrivate ? GitHubRole.Read : role;
        }
    }

    internal GitHubLabel? LabelNamed(string name) => _labels.Find(l => l.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    internal void ReplaceLabel(GitHubLabel old, GitHubLabel? by)
    {
        _labels.Remove(old);
        if (by is not null)
        {
            _labels.Add(by);
        }
    }

    internal GitHubIssue Open(GitHubUser? author, string title, string? body)
    {
        var issue = new GitHubIssue(_world, this, _issues.Count + 1, author, title, body);
        _issues.Add(issue);
        UpdatedAt = _world.Now;
        issue.MentionFrom(body);
        return issue;
    }

    internal void Pushed()
    {
        lock (_world.Gate)
        {
            PushedAt = UpdatedAt = _world.Now;
            foreach (var pull in _issues.Select(i => i.Pull).OfType<GitHubPull>().Where(p => p.Issue.IsOpen))
            {
                Directory.CreateDirectory(Path.Combine(GitDirectory, "refs", "pull", pull.Issue.Number.ToString(CultureInfo.InvariantCulture)));
                File.WriteAllText(Path.Combine(GitDirectory, "refs", "pull", pull.Issue.Number.ToString(CultureInfo.InvariantCulture), "head"), pull.HeadSha + "\n");
            }
        }
    }

    /// <summary>The merge commit, or null where the branches conflict.</summary>
    internal async Task<string?> MergeBranchAsync(GitHubPull pull, GitHubUser by, bool squash, CancellationToken ct)
    {
        var (head, @base) = (pull.HeadSha, pull.BaseSha);
        if (await MergedTreeAsync(@base, head, ct).ConfigureAwait(false) is not { } tree)
        {
            return null;
        }

        var title = squash ? $"{pull.Issue.Title} (#{pull.Issue.Number})" : $"Merge pull request #{pull.Issue.Number} from {Owner.Login}/{pull.Head}\n\n{pull.Issue.Title}";
        var at = string.Create(CultureInfo.InvariantCulture, $"{_world.Now.ToUnixTimeSeconds()} +0000");
        var commit = await GitCommand.RunAsync(GitDirectory, ["commit-tree", tree, "-p", @base, .. squash ? Array.Empty<string>() : ["-p", head], "-F", "-"], ct, Encoding.UTF8.GetBytes(title), new Dictionary<string, string>
        {
            ["GIT_AUTHOR_NAME"] = by.Login,
            ["GIT_AUTHOR_EMAIL"] = $"{by.Login}@example.org",
            ["GIT_AUTHOR_DATE"] = at,
            ["GIT_COMMITTER_NAME"] = "GitHub",
            ["GIT_COMMITTER_EMAIL"] = "noreply@example.org",
            ["GIT_COMMITTER_DATE"] = at,
        }).ConfigureAwait(false);
        lock (_world.Gate)
        {
            pull.Freeze();
        }

        var moved = await GitCommand.TryAsync(GitDirectory, ["update-ref", "refs/heads/" + pull.Base, commit.Text, @base], ct).ConfigureAwait(false);
        if (moved.ExitCode != 0)
        {
            // Somebody pushed meanwhile.
            lock (_world.Gate)
            {
                pull.Freeze(frozen: false);
            }

            return null;
        }

        Pushed();
        return commit.Text;
    }

    internal async Task<string?> MergedTreeAsync(string @base, string head, CancellationToken ct)
    {
        var merged = await GitCommand.TryAsync(GitDirectory, ["merge-tree", "--write-tree", @base, head], ct).ConfigureAwait(false);
        return merged.ExitCode switch
        {
            0 => merged.Text,
            1 => null,
            _ => throw new GitException("merge-tree", merged.ExitCode, merged.Error),
        };
    }
}
