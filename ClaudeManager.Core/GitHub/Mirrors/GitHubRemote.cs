using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.Resilience.Pipelines;

namespace ClaudeManager.Core.GitHub.Mirrors;

/// <summary>Runs git against GitHub: with our credential, through <c>network.*</c>, to this server only.</summary>
public sealed partial class GitHubRemote
{
    /// <summary>Names the repository git works on, so that a git that outlived its parent is found.</summary>
    internal const string MirrorVariable = "CLAUDE_MANAGER_MIRROR";

    // Old histories hold objects that today's git would not write; they are harmless, and without this whole repositories could not be fetched.
    private static readonly string[] s_tolerated = ["badTimezone", "missingSpaceBeforeEmail", "missingNameBeforeEmail", "zeroPaddedFilemode", "badDate", "missingSpaceBeforeDate"];

    private static readonly string[] s_settings =
    [
        "-c", "protocol.allow=never",
        "-c", "http.followRedirects=false",
        "-c", "transfer.fsckObjects=true",
        .. s_tolerated.SelectMany(problem => new[] { "-c", $"fetch.fsck.{problem}=warn" }),
        "-c", "fetch.fsck.gitmodulesUrl=warn",
        "-c", "http.lowSpeedLimit=100",
        "-c", "http.lowSpeedTime=60",
        // Small fetches stay packs: thousands of loose objects would make every walk slow.
        "-c", "fetch.unpackLimit=1",
    ];

    private readonly GitHubCredential _credential;
    private readonly InstanceIdentity _identity;
    private readonly CurrentConfiguration _configuration;
    private readonly UpstreamPipelines _pipelines;

    internal GitHubRemote(GitHubCredential credential, InstanceIdentity identity, CurrentConfiguration configuration, UpstreamPipelines pipelines)
        => (_credential, _identity, _configuration, _pipelines) = (credential, identity, configuration, pipelines);

    private GitHubAddress Address => GitHubAddress.Of(_configuration.Value.GitHub.BaseUrl);

    /// <summary>Where git finds a repository; no credential is in it.</summary>
    public Uri UrlOf(RepositoryName repository) => Address.Git(repository);

    /// <summary>
    /// Puts a commit on a branch. Doing it twice is doing it once; a branch that stands elsewhere than <paramref name="expected"/> is left alone and refused.
    /// </summary>
    /// <param name="directory">A bare repository of ours that has the commit.</param>
    /// <param name="expected">Where the branch stands; null when it must not be there yet.</param>
    /// <exception cref="GitHubException">It was not done.</exception>
    public async Task PushAsync(string directory, RepositoryName repository, string commit, string branch, string? expected, CancellationToken ct)
    {
        var reference = "refs/heads/" + branch;
        var there = await ReadReferenceAsync(directory, repository, reference, ct).ConfigureAwait(false);
        if (there == commit)
        {
            return;
        }

        try
        {
            await RunAsync(directory, ["push", "--quiet", "--porcelain", "--no-verify", $"--force-with-lease={reference}:{expected}", UrlOf(repository).AbsoluteUri, $"{commit}:{reference}"], null, ct).ConfigureAwait(false);
        }
        catch (GitHubException refused) when (refused.Problem == GitHubProblem.Refused)
        {
            // When a connection breaks, git sends its request again by itself, and is refused because of its own effect.
            if (await ReadReferenceAsync(directory, repository, reference, ct).ConfigureAwait(false) != commit)
            {
                throw;
            }
        }
    }

    /// <summary>Where a branch stands at GitHub; null when it is not there.</summary>
    public Task<string?> FindBranchAsync(string directory, RepositoryName repository, string branch, CancellationToken ct) => ReadReferenceAsync(directory, repository, "refs/heads/" + branch, ct);

    /// <summary>One commit with its whole tree and no history, as an object without a name.</summary>
    public Task FetchCommitAsync(string directory, RepositoryName repository, string commit, CancellationToken ct)
        => RunAsync(directory, ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no", UrlOf(repository).AbsoluteUri, commit], null, ct);

    /// <summary>Through the <c>git</c> pipeline. All but a push may be repeated: a push that broke off may have been done, and whoever pushes looks first.</summary>
    /// <exception cref="GitHubException">git failed, for a reason of GitHub's or of the way to it.</exception>
    internal async Task<GitResult> RunAsync(string directory, IReadOnlyList<string> arguments, byte[]? input, CancellationToken ct)
    {
        var isPush = arguments[0] == "push";
        try
        {
            return await _pipelines.Of(Upstreams.Git, Address.Web.Authority).ExecuteAsync(
                static (s, token) => s.remote.RunOnceAsync(s.directory, s.arguments, s.input, token), (remote: this, directory, arguments, input), repeatable: !isPush, ct).ConfigureAwait(false);
        }
        catch (CircuitOpenException open)
        {
            throw new GitHubException(GitHubProblem.Unavailable, $"git {arguments[0]} was not started: {open.Message}", open.Fix, open) { ClearsAt = open.ClearsAt };
        }
        catch (TimeoutException late)
        {
            throw new GitHubException(GitHubProblem.TimedOut, $"git {arguments[0]} was stopped: {late.Message}", "Raise resilience.git.attemptTimeoutSeconds if the repository is very large.", late) { MayHaveHappened = isPush };
        }
    }

    private async ValueTask<GitResult> RunOnceAsync(string directory, IReadOnlyList<string> arguments, byte[]? input, CancellationToken ct)
    {
        var address = Address;
        var network = _configuration.Value.Network;
        var authorization = await _credential.AuthorizeAsync(ct).ConfigureAwait(false);
        var pipe = new CredentialPipe($"{directory}.{Guid.CreateVersion7():N}.credentials", address, authorization);
        GitResult result;
        await using (pipe.ConfigureAwait(false))
        {
            // A push that outlives us would still be at it when the next process looks whether the branch is there.
            var environment = new Dictionary<string, string>(pipe.Environment) { [MirrorVariable] = directory, [OrphanReaper.BootVariable] = _identity.BootId };
            if (network.Proxy is not null)
            {
                // The proxy's address may hold a password, so it is no argument.
                environment["https_proxy"] = environment["http_proxy"] = network.Proxy;
                environment["no_proxy"] = network.NoProxy ?? "";
            }

            result = await GitCommand.TryAsync(directory, [.. s_settings, .. Trust(network, address), .. pipe.Arguments, .. arguments], ct, input, environment).ConfigureAwait(false);
        }

        if (result.ExitCode == 0)
        {
            return result;
        }

        var failure = FailureOf(arguments[0], result);
        if (failure.Problem == GitHubProblem.Unauthorized)
        {
            _credential.Reject(authorization);
        }

        throw failure;
    }

    private async Task<string?> ReadReferenceAsync(string directory, RepositoryName repository, string reference, CancellationToken ct)
    {
        var listed = await RunAsync(directory, ["ls-remote", "--quiet", UrlOf(repository).AbsoluteUri, reference], null, ct).ConfigureAwait(false);
        return listed.Text.Split('\n').Select(line => line.Split('\t')).Where(fields => fields is [_, var name] && name == reference).Select(fields => fields[0]).FirstOrDefault();
    }

    private static IEnumerable<string> Trust(NetworkConfiguration network, GitHubAddress address)
    {
        yield return "-c";
        yield return $"protocol.{address.Web.Scheme}.allow=always";
        if (network.CaBundle is not null)
        {
            yield return "-c";
            yield return $"http.sslCAInfo={Path.GetFullPath(network.CaBundle)}";
            const string system = "/etc/ssl/certs";
            if (Directory.Exists(system))
            {
                yield return "-c";
                yield return $"http.sslCAPath={system}";
            }
        }
    }

    /// <summary>Sorts git's words. Lines that the server wrote (<c>remote: …</c>) decide nothing.</summary>
    internal static GitHubException FailureOf(string command, GitResult result)
    {
        const int longest = 300;
        var lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !line.StartsWith("remote:", StringComparison.Ordinal)).ToList();
        var text = string.Join('\n', lines) + "\n" + result.Text;
        var status = StatusCode().Match(text) is { Success: true } match ? int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : (int?)null;
        var problem = status switch
        {
            401 => GitHubProblem.Unauthorized,
            403 => GitHubProblem.Forbidden,
            404 => GitHubProblem.NotFound,
            410 or 451 => GitHubProblem.Gone,
            429 => GitHubProblem.Limited,
            >= 300 and < 400 => GitHubProblem.Moved,
            >= 500 => GitHubProblem.Unavailable,
            _ => ProblemOf(text),
        };
        var said = string.Concat(string.Join(" ", lines).Where(c => !char.IsControl(c)).Take(longest));
        return new GitHubException(problem, $"git {command} failed: {(said.Length > 0 ? said : result.Text)}") { MayHaveHappened = command == "push" && problem is GitHubProblem.Unreachable or GitHubProblem.Unavailable };
    }

    private static GitHubProblem ProblemOf(string text)
    {
        (string Words, GitHubProblem Problem)[] known =
        [
            ("Authentication failed", GitHubProblem.Unauthorized),
            ("could not read Username", GitHubProblem.Unauthorized),
            ("could not read Password", GitHubProblem.Unauthorized),
            ("repository '", GitHubProblem.NotFound),
            ("stale info", GitHubProblem.Refused),
            ("[rejected]", GitHubProblem.Refused),
            ("[remote rejected]", GitHubProblem.Refused),
            ("fsck error", GitHubProblem.Malformed),
            ("bad pack header", GitHubProblem.Malformed),
            ("not valid: is this a git repository", GitHubProblem.Malformed),
            ("bad line length character", GitHubProblem.Malformed),
            ("protocol error", GitHubProblem.Malformed),
            ("did not send all necessary objects", GitHubProblem.Malformed),
            ("in packed", GitHubProblem.Malformed),
            ("redirect", GitHubProblem.Moved),
        ];
        return known.FirstOrDefault(k => text.Contains(k.Words, StringComparison.Ordinal)) is { Words: not null } found ? found.Problem : GitHubProblem.Unreachable;
    }

    [GeneratedRegex(@"The requested URL returned error: (\d{3})", RegexOptions.CultureInvariant)]
    private static partial Regex StatusCode();
}
