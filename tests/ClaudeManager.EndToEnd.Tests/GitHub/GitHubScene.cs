using System.Text.Json;
using System.Text.RegularExpressions;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests.GitHub;

/// <summary>
/// A GitHub with a manager repository and people of every kind, and the machine our programs run on: the git they find on PATH writes down each of its command lines and environments.
/// The account of the token is <see cref="Bot"/>.
/// </summary>
internal sealed partial class GitHubScene : IAsyncDisposable
{
    public const string Manager = "acme/manager";
    public const string Bot = "claude-bot";

    /// <summary>May write in the manager repository.</summary>
    public const string Maintainer = "ana";

    /// <summary>May set labels in the manager repository, and not more.</summary>
    public const string Triager = "tia";

    /// <summary>May write in the repositories with code, and is nobody in the manager repository.</summary>
    public const string Developer = "dev";

    /// <summary>May write in the manager repository, but is no person.</summary>
    public const string Automaton = "helpful[bot]";

    // In a sandbox the folder is read-only; git works there all the same.
    private const string Git =
        """
        #!/bin/sh
        here=${0%/*}
        { echo "$*"; env; } 2>/dev/null >>"$here/seen"
        PATH=${PATH#"$here":}
        exec git "$@"
        """;

    private readonly TemporaryDirectory _machine = new();

    private GitHubScene(LoopbackGitHub gitHub)
    {
        GitHub = gitHub;
        Token = gitHub.Token(Bot);
        gitHub.User(Automaton, GitHubUserType.Bot);
        gitHub.Repository(Manager).Collaborator(Bot, GitHubRole.Write).Collaborator(Maintainer, GitHubRole.Write).Collaborator(Triager, GitHubRole.Triage).Collaborator(Automaton, GitHubRole.Write);
        var git = _machine.Combine("git");
        File.WriteAllText(git, Git.ReplaceLineEndings("\n") + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(git, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    public LoopbackGitHub GitHub { get; }

    public string Token { get; }

    public IReadOnlyList<GitHubIssue> Proposals => GitHub.Repository(Manager).Issues;

    public static async Task<GitHubScene> StartAsync(CancellationToken ct) => new(await LoopbackGitHub.StartAsync(ct));

    public async Task<GitHubRepository> RepositoryAsync(string fullName, CancellationToken ct, params (string Path, string? Content)[] files)
    {
        var repository = GitHub.Repository(fullName).Collaborator(Bot, GitHubRole.Write).Collaborator(Developer, GitHubRole.Write);
        await repository.CommitAsync("First", files, ct);
        return repository;
    }

    /// <summary>What every program of ours needs to work with this GitHub; people who do not wait a minute for it.</summary>
    public Dictionary<string, object> Configuration(params string[] repositories) => new()
    {
        ["username"] = "acme",
        ["managerRepo"] = Manager,
        ["reposToScan"] = repositories,
        ["baseUrl"] = GitHub.BaseAddress,
        ["pollSeconds"] = 1,
    };

    public Dictionary<string, string> Environment(params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string> { ["GITHUB_TOKEN"] = Token, ["PATH"] = _machine.Path + Path.PathSeparator + Programs.SearchPath };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        return environment;
    }

    /// <summary>Waits until GitHub, or the service, is as wanted.</summary>
    public static async Task<T> SeeAsync<T>(ManagerProcess manager, Func<T> look, Func<T, bool> wanted, string what, CancellationToken ct)
    {
        try
        {
            return await Eventually.SeeAsync(look, wanted, what, ct);
        }
        catch (TimeoutException fault)
        {
            throw new TimeoutException($"{fault.Message}\n{manager.Output}", fault);
        }
    }

    /// <summary>How often a kind of request was carried out, e.g. <c>POST /repos/{owner}/{repo}/issues</c>.</summary>
    public int Written(string route) => GitHub.Ledger.Requests.Count(r => r.Changed && r.Route == route);

    /// <summary>Nothing of ours is there twice, no limit was run into, and GitHub's own description knows every request and every answer.</summary>
    public async Task AssertWellBehavedAsync(CancellationToken ct)
    {
        Assert.Empty(GitHub.DuplicatesOf(OurMarker()));
        Assert.Empty(GitHub.Ledger.Limited);
        Assert.Empty(GitHub.Ledger.Impatient);
        await GitHub.VerifyAsync(ct);
    }

    /// <summary>The token was in no address, no argument or environment of git, no log, and is in no file.</summary>
    /// <param name="log">What the programs said.</param>
    public void AssertTokenNowhere(string log, params string[] folders)
    {
        Assert.DoesNotContain(GitHub.Ledger.Requests, r => (r.Path + r.Query).Contains(Token, StringComparison.Ordinal));
        Assert.DoesNotContain(Token, log, StringComparison.Ordinal);
        var seen = File.ReadAllText(_machine.Combine("seen"));
        Assert.Contains(GitHub.BaseAddress.ToString(), seen, StringComparison.Ordinal);
        Assert.DoesNotContain(Token, seen, StringComparison.Ordinal);
        Assert.DoesNotContain(folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })), HasToken);
    }

    public async ValueTask DisposeAsync()
    {
        await GitHub.DisposeAsync();
        _machine.Dispose();
    }

    /// <summary>A text without the marker at its end.</summary>
    public static string Visible(string? body) => OurMarker().Replace(body ?? "", "").TrimEnd();

    public static string Json(object configuration) => JsonSerializer.Serialize(configuration);

    private bool HasToken(string file)
    {
        try
        {
            // A pipe that a killed process left is empty too, and reading it would wait for a writer.
            return new FileInfo(file).Length > 0 && File.ReadAllBytes(file).AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(Token)) >= 0;
        }
        catch (IOException)
        {
            // A file that comes and goes, as a store's journal does.
            return false;
        }
    }

    [GeneratedRegex("<!-- claude-manager ([a-z-]+:[A-Za-z0-9._/-]+) -->")]
    private static partial Regex OurMarker();
}
