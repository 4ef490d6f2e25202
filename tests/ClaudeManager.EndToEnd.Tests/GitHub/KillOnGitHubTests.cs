using System.Data.Common;
using System.Diagnostics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Properties;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace ClaudeManager.EndToEnd.Tests.GitHub;

/// <summary>What is on GitHub when the server is killed, and not in its store.</summary>
public enum Written
{
    Issue,
    Comment,
    Branch,
    PullRequest,
}

/// <summary>Where between GitHub's deed and our commit.</summary>
public enum Moment
{
    /// <summary>GitHub has done it; the answer never comes.</summary>
    BeforeTheAnswer,

    /// <summary>The answer has come; the store does not take it.</summary>
    BeforeTheCommit,
}

/// <summary><c>kill -9</c> of the server between GitHub's deed and our commit, for everything the service writes there, and a new start on the same store.</summary>
public sealed class KillOnGitHubTests
{
    private const string Agent = "cat >/dev/null; sed '/TODO/d' main.sh >main.new && cat main.new >main.sh && rm main.new";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static MatrixTheoryData<string, Written, Moment> Kills { get; } = new(["sqlite", "postgresql"], Enum.GetValues<Written>(), Enum.GetValues<Moment>());

    [Theory]
    [MemberData(nameof(Kills))]
    public async Task Kill_WrittenOnGitHubButNotInTheStore_EndsWithOneOfEach(string provider, Written written, Moment moment)
    {
        RequireChosen(provider, written, moment);
        await using var store = provider == "sqlite" ? null : await TestStore.CreateAsync(provider, Ct);
        Assert.SkipWhen(provider != "sqlite" && store is null, $"No PostgreSQL: name a server in {TestStore.PostgresVariable}.");
        await using var scene = await GitHubScene.StartAsync(Ct);
        var app = await scene.RepositoryAsync("acme/app", Ct, ("main.sh", "# TODO: say it louder\necho hello\n"));
        foreach (var label in (string[])["task-proposal", "refactor", "todo", "approved-for-dev", "manual-task", "terragon-task", "claude-flow-task", "claude-code-task"])
        {
            scene.GitHub.Repository(GitHubScene.Manager).AddLabel(label);
        }

        var (answer, never) = (new TaskCompletionSource(), new TaskCompletionSource().Task);
        var deed = Hold(scene.GitHub, written, moment == Moment.BeforeTheAnswer ? never : answer.Task);
        var database = (store?.Target as StoreTarget.Postgres)?.ConnectionString;
        await using var manager = await ManagerProcess.StartAsync(Ct, database is null ? scene.Environment() : scene.Environment(("DATABASE_URL", database)), Configuration(scene));
        if (written != Written.Issue)
        {
            await GitHubScene.SeeAsync(manager, () => scene.Proposals.Count, count => count == 1, "the issue is filed", Ct);
            scene.Proposals[0].Label(GitHubScene.Maintainer, "approved-for-dev");
        }

        await ReachedAsync(manager, deed);
        Assert.Equal(1, There(scene, app, written));
        if (moment == Moment.BeforeTheCommit && written == Written.Branch)
        {
            // What comes after a push is not a commit but a question: it is never answered.
            var question = scene.GitHub.Fail("GET", "/repos/acme/app/pulls", new GitHubFault.Held(never, AfterEffect: false));
            answer.SetResult();
            await ReachedAsync(manager, question);
            await manager.KillAsync(Ct);
            question.Stop();
        }
        else if (moment == Moment.BeforeTheCommit)
        {
            await using var closed = await ClosedStore.OfAsync(Connection(manager, database), Ct);
            answer.SetResult();
            await GitHubScene.SeeAsync(manager, () => scene.GitHub.Ledger.Requests.Any(r => r is { Fault: not null, Status: 201 }), delivered => delivered, "the answer leaves", Ct);
            await closed.KnockedAsync(Ct);
            await manager.KillAsync(Ct);
        }
        else
        {
            await manager.KillAsync(Ct);
        }

        var (dead, orphans) = (manager.Boot, manager.ProcessesOnData());
        Assert.True(orphans.Count > 0 || written != Written.Branch || moment == Moment.BeforeTheCommit, "The push lives on without its server.");
        await using (var connection = Connection(manager, database))
        {
            await connection.OpenAsync(Ct);
            Assert.Equal(0L, await ScalarAsync(connection, Recorded(written), Ct));
            if (database is not null)
            {
                // On a server that others may use nobody knows that the killed one is dead: two minutes pass until its right to write ends.
                await ScalarAsync(connection, "UPDATE outbox SET lease_expires_at = now() WHERE state = 'pending' AND lease_owner IS NOT NULL", Ct);
            }
        }

        await manager.StartAgainAsync(Ct);
        if (written == Written.Issue)
        {
            scene.Proposals[0].Label(GitHubScene.Maintainer, "approved-for-dev");
        }

        var item = await manager.WaitForAsync(async (api, ct) => Assert.Single((await api.ListWorkItemsAsync([], null, null, null, 0, 10, ct)).Items), i => i.State == WorkItemState.Review, "the result waits for review", Ct);
        Assert.Empty(manager.ProcessesOnData().Intersect(orphans));
        await Eventually.SeeAsync(manager.Api.GetOutboxAsync, outbox => outbox is { Pending: 0 }, "everything is said", Ct);

        Assert.All(Enum.GetValues<Written>(), kind => Assert.Equal(1, There(scene, app, kind)));
        Assert.Equal(item.LatestRunId, Assert.Single((await manager.Api.GetWorkItemAsync(item.Id, Ct)).Runs).Id);
        Assert.Equal(
            (1, 1, 1),
            (scene.Written("POST /repos/{owner}/{repo}/issues"), scene.Written("POST /repos/{owner}/{repo}/pulls"), scene.Written("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")));
        await Eventually.SeeAsync(() => string.Join(' ', Directory.GetFileSystemEntries(manager.Data.RunsRoot)), left => left.Length == 0, "no workspace is left", Ct);
        await Eventually.SeeAsync(() => string.Join('\n', manager.ProcessesOnData()), left => !left.Contains('\n', StringComparison.Ordinal), "only the server is left", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(dead));
        scene.AssertTokenNowhere(manager.Output, manager.Data.Root);
        await scene.AssertWellBehavedAsync(Ct);
    }

    /// <summary>Each kill takes a whole server twice: all of them in the long run; else SQLite's first, and one of the others, which a seed chooses.</summary>
    private static void RequireChosen(string provider, Written written, Moment moment)
    {
        var (kinds, index) = ((ulong)Enum.GetValues<Written>().Length, (ulong)written + ((ulong)moment * 4));
        var chosen = (TestRun.Seed ?? 0) % (2 * kinds);
        Assert.SkipUnless(TestRun.IsLong || index == chosen || (provider == "sqlite" && moment == Moment.BeforeTheAnswer), "Part of the long run: eng/test.sh --long. Another seed chooses another one.");
    }

    private static GitHubFaultPlan Hold(LoopbackGitHub gitHub, Written written, Task until)
    {
        var (method, path) = written switch
        {
            Written.Issue => ("POST", $"/repos/{GitHubScene.Manager}/issues"),
            Written.Comment => ("POST", $"/repos/{GitHubScene.Manager}/issues/1/comments"),
            Written.Branch => ("POST", "/acme/app*/git-receive-pack"),
            Written.PullRequest => ("POST", "/repos/acme/app/pulls"),
            _ => throw new UnreachableException(),
        };
        return gitHub.Fail(method, path, new GitHubFault.Held(until, AfterEffect: true));
    }

    private static async Task ReachedAsync(ManagerProcess manager, GitHubFaultPlan plan)
        => await GitHubScene.SeeAsync(manager, () => plan.Reached.IsCompleted, reached => reached, $"{plan.Method} {plan.Path} is there", Ct);

    private static int There(GitHubScene scene, GitHubRepository app, Written written) => written switch
    {
        Written.Issue => scene.Proposals.Count,
        Written.Comment => scene.Proposals.Sum(issue => issue.Comments.Count),
        Written.Branch => app.Branches.Keys.Count(name => name.StartsWith("claude-manager/", StringComparison.Ordinal)),
        Written.PullRequest => app.Pulls.Count,
        _ => throw new UnreachableException(),
    };

    private static string Recorded(Written written) => written switch
    {
        Written.Issue => "SELECT count(*) FROM proposal_issues",
        Written.Comment => "SELECT count(*) FROM outbox WHERE kind = 'issue.comment' AND state <> 'pending'",
        Written.Branch => "SELECT count(*) FROM runs WHERE branch IS NOT NULL",
        Written.PullRequest => "SELECT count(*) FROM pull_requests",
        _ => throw new UnreachableException(),
    };

    private static string Configuration(GitHubScene scene) => GitHubScene.Json(new
    {
        github = scene.Configuration("acme/app"),
        analyzer = new { scanForTodos = true, scanOpenIssues = false, firstScan = "propose" },
        executor = new
        {
            defaultExecutor = "command:fix",
            commands = new { fix = new { program = "sh", args = new[] { "-c", Agent } } },
            verify = new Dictionary<string, string[][]> { ["*"] = [["sh", "main.sh"]] },
        },
    });

    private static DbConnection Connection(ManagerProcess manager, string? database)
        => database is null ? new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = manager.Data.DatabaseFile, Pooling = false }.ConnectionString) : new NpgsqlConnection(database);

    private static async Task<object?> ScalarAsync(DbConnection connection, string sql, CancellationToken ct)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this class.
        command.CommandText = sql;
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(ct);
    }

    /// <summary>While it lives, nobody else commits what says that something is written on GitHub.</summary>
    private sealed class ClosedStore : IAsyncDisposable
    {
        // Sessions of a process that is gone would go on once they get the lock.
        private const string Waiting = "FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation JOIN pg_database AS d ON d.oid = l.database WHERE NOT l.granted AND d.datname = current_database() AND c.relname IN ('outbox', 'pull_requests')";

        private readonly DbConnection _connection;
        private readonly DbTransaction _transaction;

        private ClosedStore(DbConnection connection, DbTransaction transaction) => (_connection, _transaction) = (connection, transaction);

        public static async Task<ClosedStore> OfAsync(DbConnection connection, CancellationToken ct)
        {
            await connection.OpenAsync(ct);
            // SQLite has one writer: from here on, us.
            var transaction = connection is SqliteConnection sqlite ? sqlite.BeginTransaction(deferred: false) : await connection.BeginTransactionAsync(ct);
            if (connection is NpgsqlConnection)
            {
                await ScalarAsync(connection, "LOCK TABLE outbox, pull_requests IN EXCLUSIVE MODE", ct);
            }

            return new ClosedStore(connection, transaction);
        }

        /// <summary>The server wants to commit. SQLite does not tell who waits.</summary>
        public async Task KnockedAsync(CancellationToken ct)
        {
            if (_connection is NpgsqlConnection)
            {
                await Eventually.SeeAsync(token => ScalarAsync(_connection, "SELECT count(*) " + Waiting, token), count => count is > 0L, "the server wants to commit", ct);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (_connection is NpgsqlConnection)
            {
                await ScalarAsync(_connection, "SELECT count(pg_terminate_backend(l.pid)) " + Waiting, CancellationToken.None);
            }

            await _transaction.DisposeAsync();
            await _connection.DisposeAsync();
        }
    }
}
