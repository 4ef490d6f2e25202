using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.GitHub.Limits;
using Octokit;
using Octokit.Internal;

namespace ClaudeManager.Core.GitHub;

/// <summary>
/// The few calls we make to GitHub. Reads are tried again and asked conditionally; a write is sent once and never again: before a second try its marker is looked up by the <c>Find…</c> beside it.
/// Every method throws <see cref="GitHubException"/> when GitHub does not do it; one that looks for something answers null when it is not there.
/// </summary>
public sealed partial class GitHubGateway
{
    private const int PageSize = 100;

    private static readonly ProductHeaderValue s_product = new("claude-manager");
    private static readonly WireSerializer s_serializer = new();

    private readonly GitHubHttp _http;
    private readonly GitHubLimits _limits;
    private readonly GitHubCredential _credential;
    private readonly CurrentConfiguration _configuration;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly OwnAccount _self;

    internal GitHubGateway(GitHubHttp http, GitHubLimits limits, GitHubCredential credential, CurrentConfiguration configuration, TimeProvider time)
        : this(http, limits, credential, configuration, time, TimeSpan.FromSeconds(30), new OwnAccount())
    {
    }

    private GitHubGateway(GitHubHttp http, GitHubLimits limits, GitHubCredential credential, CurrentConfiguration configuration, TimeProvider time, TimeSpan patience, OwnAccount self)
        => (_http, _limits, _credential, _configuration, _time, _patience, _self) = (http, limits, credential, configuration, time, patience, self);

    /// <summary>The primary budgets, as the newest answers told them.</summary>
    public IReadOnlyList<GitHubBudget> Budgets => _limits.Budgets;

    private GitHubAddress Address => GitHubAddress.Of(_configuration.Value.GitHub.BaseUrl);

    /// <summary>The same gateway for a caller who can wait so long for his turn (30 s unless said). A turn that comes later fails at once, with the time at which it comes.</summary>
    public GitHubGateway Within(TimeSpan patience) => new(_http, _limits, _credential, _configuration, _time, patience, _self);

    /// <summary>What a batch would cost and when it would be done: what a preview says before anything is written.</summary>
    public Task<GitHubForecast> ForecastAsync(GitHubBatch batch, GitHubLane lane, CancellationToken ct) => _limits.ForecastAsync(_credential, batch, lane, ct);

    private static Uri Of(RepositoryName repository, FormattableString path) => new($"repos/{repository}/{path.ToString(CultureInfo.InvariantCulture)}", UriKind.Relative);

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private Task<T> GetAsync<T>(Uri address, CancellationToken ct)
        where T : class
        => RunAsync(connection => connection.Get<T>(address, null), ct);

    /// <summary>Null on 404 and 410.</summary>
    private async Task<T?> FindAsync<T>(Uri address, CancellationToken ct)
        where T : class
    {
        try
        {
            return await GetAsync<T>(address, ct).ConfigureAwait(false);
        }
        catch (GitHubException missing) when (missing.Problem is GitHubProblem.NotFound or GitHubProblem.Gone)
        {
            return null;
        }
    }

    private Task<T> PostAsync<T>(RepositoryName repository, FormattableString path, object body, CancellationToken ct)
        where T : class
        => WriteAsync(repository, path, (connection, address) => connection.Post<T>(address, body, null, null, CancellationToken.None), ct);

    private Task<T> PatchAsync<T>(RepositoryName repository, FormattableString path, object body, CancellationToken ct)
        where T : class
        => WriteAsync(repository, path, (connection, address) => connection.Patch<T>(address, body), ct);

    /// <summary>A write that meets a redirect has not happened. It is sent once more, as it is, to the name the very same repository has now.</summary>
    private async Task<T> WriteAsync<T>(RepositoryName repository, FormattableString path, Func<Connection, Uri, Task<IApiResponse<T>>> send, CancellationToken ct)
        where T : class
    {
        try
        {
            return await RunAsync(connection => send(connection, Of(repository, path)), ct).ConfigureAwait(false);
        }
        catch (GitHubException moved) when (moved is { Problem: GitHubProblem.Moved, MovedTo: not null })
        {
            var now = (await GetStatesAsync([repository], ct).ConfigureAwait(false))[0];
            if (now.State is not { } state || state.Name == repository || !moved.MovedTo.AbsolutePath.Contains($"/repositories/{state.Id.ToString(CultureInfo.InvariantCulture)}/", StringComparison.Ordinal))
            {
                throw;
            }

            return await RunAsync(connection => send(connection, Of(state.Name, path)), ct).ConfigureAwait(false);
        }
    }

    private async Task<GitHubList<TResult>> ListAsync<T, TResult>(Uri first, Func<T, TResult> read, int maximumPages, CancellationToken ct)
    {
        var items = new List<TResult>();
        await foreach (var page in PagesAsync<T>(first, ct).ConfigureAwait(false))
        {
            items.AddRange(page.Items.Select(read));
            if (--maximumPages == 0)
            {
                return new GitHubList<TResult>(items, page.IsLast);
            }
        }

        return new GitHubList<TResult>(items, IsComplete: true);
    }

    /// <summary>One request for each page the reader takes.</summary>
    private async IAsyncEnumerable<(IReadOnlyList<T> Items, bool IsLast)> PagesAsync<T>(Uri first, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var next = first; next is not null;)
        {
            Uri? following = null;
            var address = next;
            var items = await RunAsync<List<T>>(async connection =>
            {
                var answer = await connection.Get<List<T>>(address, null).ConfigureAwait(false);
                following = answer.HttpResponse.ApiInfo.Links.GetValueOrDefault("next");
                return answer;
            }, ct).ConfigureAwait(false);

            // The address comes from outside; the token must not follow it elsewhere.
            if (following is not null && !Address.Api.IsBaseOf(following))
            {
                throw new GitHubException(GitHubProblem.Malformed, $"GitHub's answer says that its next page is at {following.Host}.");
            }

            yield return (items, following is null);
            next = following;
        }
    }

    private async Task<T> RunAsync<T>(Func<Connection, Task<IApiResponse<T>>> request, CancellationToken ct)
        where T : class
    {
        using var transport = new OctokitTransport(_http, new GitHubCall(_time.GetUtcNow() + _patience, IsQuery: false, GitHubLanes.Current), ct);
        var connection = new Connection(s_product, Address.Api, new InMemoryCredentialStore(Octokit.Credentials.Anonymous), transport, s_serializer);
        try
        {
            var answer = await request(connection).ConfigureAwait(false);
            return answer.Body ?? throw new JsonException("Nothing.");
        }
        catch (Exception cause) when (cause is JsonException or UriFormatException)
        {
            throw new GitHubException(GitHubProblem.Malformed, "GitHub's answer is not of the shape it should have.", cause: cause) { MayHaveHappened = transport.Wrote };
        }
    }

    /// <summary>Shared by the gateways that <see cref="Within"/> makes.</summary>
    private sealed class OwnAccount
    {
        public GitHubAccount? Value { get; set; }
    }
}
