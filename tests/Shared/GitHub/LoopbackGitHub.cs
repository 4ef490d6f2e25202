using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Tests.Shared.GitHub.Conformance;
using ClaudeManager.Tests.Shared.GitHub.GraphQl;
using ClaudeManager.Tests.Shared.GitHub.Rest;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>
/// A loopback stand-in of GitHub: REST (at <see cref="BaseAddress"/> as api.github.com is, at <see cref="EnterpriseAddress"/> as GitHub Enterprise's is), GraphQL (<c>/graphql</c>, <c>/api/graphql</c>)
/// and git over HTTP (<c>/owner/name.git</c>), with GitHub's limits, conditional requests and redirects, over real bare repositories. The test builds its world and acts as the people in it;
/// <see cref="Ledger"/> has every request; <see cref="VerifyAsync"/> holds all of it against GitHub's published description.
/// </summary>
public sealed class LoopbackGitHub : IAsyncDisposable
{
    private const string ApiVersion = "2022-11-28";

    private readonly WebApplication _app;
    private readonly TemporaryDirectory _directory = new();
    private readonly GitHubWorld _world;
    private readonly RateLimits _limits;
    private readonly List<GitHubFaultPlan> _faults = [];
    private readonly List<GitHubExchange> _exchanges = [];
    private readonly CancellationTokenSource _closing = new();
    private int _requests;
    private bool _isDisposed;

    private LoopbackGitHub(int port, TimeProvider time)
    {
        _world = new GitHubWorld(time, _directory.Path);
        _limits = new RateLimits(time);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddRoutingCore();
        _app = builder.Build();
        _app.Use((http, next) =>
        {
            Rewrite(http);
            // By the same clock as the moments in the other headers: clients measure one against the other.
            http.Response.Headers.Date = time.GetUtcNow().ToString("R", CultureInfo.InvariantCulture);
            return next(http);
        });
        _app.UseRouting();
        foreach (var route in new RouteTable().All)
        {
            _app.MapMethods(route.Template, [route.Method], http => ServeAsync(http, route));
        }

        _app.MapGet("/rate_limit", http => ServeAsync(http, new Route("GET", "/rate_limit", null, null)));
        foreach (var graphql in new[] { "/graphql", "/api/graphql" })
        {
            _app.MapPost(graphql, http => ServeAsync(http, new Route("POST", "/graphql", null, null)));
        }

        _app.MapGet("/{owner}/{repo}/info/refs", http => ServeGitAsync(http, "info/refs", http.Request.Query["service"].ToString()));
        foreach (var service in new[] { "git-upload-pack", "git-receive-pack" })
        {
            _app.MapPost($"/{{owner}}/{{repo}}/{service}", http => ServeGitAsync(http, service, service));
        }

        _app.MapFallback(http => ServeAsync(http, null));
    }

    /// <summary>The REST API's root, as <c>https://api.github.com/</c>; git's too.</summary>
    public Uri BaseAddress => new(_app.Urls.Single());

    /// <summary>The same as GitHub Enterprise has it: <c>https://host/api/v3/</c>.</summary>
    public Uri EnterpriseAddress => new(BaseAddress, "api/v3/");

    public Uri GraphQlAddress => new(BaseAddress, "graphql");

    public GitHubLedger Ledger { get; } = new();

    public GitHubLimits Limits
    {
        get => _limits.Limits;
        set
        {
            lock (_world.Gate)
            {
                _limits.Limits = value;
            }
        }
    }

    /// <summary>How far search is behind: GitHub's is, by seconds to minutes.</summary>
    public TimeSpan SearchLag
    {
        get => _world.SearchLag;
        set => _world.SearchLag = value;
    }

    /// <summary>Every exchange that is to be held against the description.</summary>
    public IReadOnlyList<GitHubExchange> Exchanges
    {
        get
        {
            lock (_exchanges)
            {
                return [.. _exchanges];
            }
        }
    }

    /// <param name="port">0 takes a free one.</param>
    public static async Task<LoopbackGitHub> StartAsync(CancellationToken ct, TimeProvider? time = null, int port = 0)
    {
        var github = new LoopbackGitHub(port, time ?? TimeProvider.System);
        await github._app.StartAsync(ct).ConfigureAwait(false);
        return github;
    }

    /// <summary>The account of this name, made if it is not there.</summary>
    public GitHubUser User(string login, GitHubUserType type = GitHubUserType.User) => _world.User(login, type);

    /// <summary>The account leaves: its issues and comments stay, without an author.</summary>
    public void DeleteUser(string login)
    {
        lock (_world.Gate)
        {
            _world.User(login).IsDeleted = true;
        }
    }

    /// <summary>The repository of this <c>owner/name</c>, made empty if it is not there.</summary>
    public GitHubRepository Repository(string fullName) => _world.Repository(fullName);

    public string CloneUrl(string fullName) => $"{BaseAddress}{fullName}.git";

    /// <summary>A new personal access token of an account, which is limited together with the account's others.</summary>
    public string Token(string login, TimeSpan? lifetime = null)
        => _world.Issue(_world.User(login), null, null, null, lifetime is { } span ? _world.Now + span : null).Token;

    public void Revoke(string token)
    {
        lock (_world.Gate)
        {
            _world.Credentials[token].IsRevoked = true;
        }
    }

    public GitHubApp App(string slug, string publicKeyPem)
    {
        lock (_world.Gate)
        {
            var id = _world.NextId();
            return _world.Apps[id] = new GitHubApp(id, slug, FormattableString.Invariant($"Iv23li{id:D14}"), publicKeyPem, _world.User($"{slug}[bot]", GitHubUserType.Bot), _world.Now);
        }
    }

    /// <param name="repositories">Names of the repositories chosen; none for all of the account.</param>
    public GitHubInstallation Install(GitHubApp app, string account, IReadOnlyDictionary<string, string> permissions, params string[] repositories)
    {
        lock (_world.Gate)
        {
            var id = _world.NextId();
            return _world.Installations[id] = new GitHubInstallation(
                id,
                app,
                _world.User(account),
                repositories is [] ? null : repositories.Select(r => _world.Repository($"{account}/{r}").Id).ToHashSet(),
                permissions,
                _world.Now);
        }
    }

    /// <summary>The next requests of this kind go wrong.</summary>
    /// <param name="path"><c>*</c> stands for anything, as in <c>/repos/*/issues</c>; without a prefix of GitHub Enterprise.</param>
    public GitHubFaultPlan Fail(string method, string path, GitHubFault fault, int times = 1)
    {
        var plan = new GitHubFaultPlan(method, path, fault, times);
        lock (_faults)
        {
            _faults.Add(plan);
        }

        return plan;
    }

    /// <summary>What carries the same marker more than once, over issues, comments, pull requests and branches: exactly-once means there is none.</summary>
    /// <param name="marker">Its first group is the identity; branches are matched by name.</param>
    public IReadOnlyList<string> DuplicatesOf(Regex marker)
    {
        lock (_world.Gate)
        {
            var all = new List<(string Kind, string Text)>();
            foreach (var repository in _world.Repositories.Values)
            {
                all.AddRange(repository.Issues.Where(i => i.Body is not null).Select(i => ($"{(i.Pull is null ? "issue" : "pull request")} in {repository.FullName}", i.Body!)));
                all.AddRange(repository.Issues.SelectMany(i => i.Comments.Select(c => ($"comment on {repository.FullName}#{i.Number}", c.Body))));
                all.AddRange(repository.Branches.Keys.Select(b => ($"branch of {repository.FullName}", b)));
            }

            return [.. all.SelectMany(t => marker.Matches(t.Text).Select(m => m.Groups[1].Value).Distinct().Select(id => $"{t.Kind}: {id}")).GroupBy(t => t).Where(g => g.Count() > 1).Select(g => $"{g.Count()} × {g.Key}")];
        }
    }

    /// <summary>Holds every request received and every answer given against GitHub's published description and throws what does not fit.</summary>
    public async Task VerifyAsync(CancellationToken ct)
    {
        var problems = await GitHubDescription.CheckAsync(Exchanges, ct).ConfigureAwait(false);
        if (problems.Count > 0)
        {
            throw new GitHubDescriptionException(problems);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _closing.CancelAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        _closing.Dispose();
        _directory.Dispose();
    }

    /// <summary>Takes the prefix of GitHub Enterprise off; <c>/repositories/:id/…</c>, where renamed repositories redirect to, is <c>/repos/:owner/:name/…</c> by another name.</summary>
    private void Rewrite(HttpContext http)
    {
        if (http.Request.Path.StartsWithSegments("/api/v3", out var rest))
        {
            (http.Request.PathBase, http.Request.Path) = ("/api/v3", rest);
        }

        if (http.Request.Path.Value?.Split('/', 4) is ["", "repositories", var id, ..] parts && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            lock (_world.Gate)
            {
                if (_world.Repositories.Values.FirstOrDefault(r => r.Id == number) is { } repository)
                {
                    http.Request.Path = $"/repos/{repository.FullName}{(parts.Length == 4 ? "/" + parts[3] : "")}";
                }
            }
        }
    }

    private GitHubFaultPlan? FaultOf(HttpContext http)
    {
        lock (_faults)
        {
            return _faults.Find(f => f.Takes(http.Request.Method, http.Request.Path.Value ?? ""));
        }
    }

    private async Task ServeAsync(HttpContext http, Route? route)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _closing.Token);
        var ct = either.Token;
        var entry = Open(http);
        var plan = FaultOf(http);
        try
        {
            using var buffer = new MemoryStream();
            await http.Request.Body.CopyToAsync(buffer, ct).ConfigureAwait(false);
            var body = buffer.ToArray();
            entry.Is(route, body);
            if (await StrikesBeforeAsync(http, plan, entry, ct).ConfigureAwait(false))
            {
                return;
            }

            var answer = await AnswerAsync(http, route, body, entry, ct).ConfigureAwait(false);
            await DeliverAsync(http, answer, plan, entry, body, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            entry.Abort();
        }
        finally
        {
            Leave(entry);
        }
    }

    /// <summary>A client that has an answer finds it in the ledger, and no longer counts as asking: so both happen before the answer leaves.</summary>
    private Entry Open(HttpContext http)
    {
        var entry = new Entry(http, _world.Time.GetUtcNow());
        Ledger.Add(entry.Read);
        http.Response.OnStarting(() =>
        {
            entry.Status = entry.IsLost ? 0 : http.Response.StatusCode;
            Leave(entry);
            return Task.CompletedTask;
        });
        return entry;
    }

    private void Leave(Entry entry)
    {
        lock (_world.Gate)
        {
            if (entry.IsUnderWay)
            {
                entry.IsUnderWay = false;
                _limits.Leave(entry.Account);
            }
        }
    }

    /// <summary>Whether a fault took the request's place.</summary>
    private static async Task<bool> StrikesBeforeAsync(HttpContext http, GitHubFaultPlan? plan, Entry entry, CancellationToken ct)
    {
        entry.Fault = plan?.Fault.GetType().Name;
        switch (plan?.Fault)
        {
            case GitHubFault.Answer fault:
                plan.Strike();
                http.Response.StatusCode = fault.Status;
                http.Response.ContentType = fault.ContentType;
                foreach (var (name, value) in fault.Headers)
                {
                    http.Response.Headers[name] = value;
                }

                if (fault.Headers.TryGetValue("Retry-After", out var wait) && int.TryParse(wait, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                {
                    (entry.Limit, entry.RetryAfter) = ("fault", TimeSpan.FromSeconds(seconds));
                }

                await http.Response.WriteAsync(fault.Body, ct).ConfigureAwait(false);
                return true;
            case GitHubFault.ResetBefore:
                plan.Strike();
                entry.Abort();
                return true;
            case GitHubFault.BlackHole:
                plan.Strike();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct).ConfigureAwait(false);
                return true;
            case GitHubFault.Held { AfterEffect: false } held:
                plan.Strike();
                await held.Until.WaitAsync(ct).ConfigureAwait(false);
                return false;
            default:
                return false;
        }
    }

    private async Task<Answer> AnswerAsync(HttpContext http, Route? route, byte[] body, Entry entry, CancellationToken ct)
    {
        var isGraphQl = entry.Resource == "graphql";
        var query = isGraphQl ? GraphQlRequest.Parse(body) : null;
        var path = http.Request.Path.Value ?? "";
        Credential? credential;
        lock (_world.Gate)
        {
            credential = AppRoutes.IsForApps(path) ? Credential.App : Known(http.Request.Headers.Authorization);
            if (credential is null)
            {
                return Dressed(http, null, entry, Answer.Refused(401, "Bad credentials"));
            }

            (entry.Credential, entry.Account) = (credential.Name, credential.LimitedAs);
            if (string.IsNullOrWhiteSpace(http.Request.Headers.UserAgent))
            {
                return Dressed(http, credential, entry, Answer.Refused(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."));
            }

            if (isGraphQl && credential == Credential.Anonymous)
            {
                return Dressed(http, credential, entry, Answer.Refused(401, "This endpoint requires you to be authenticated."));
            }

            entry.Points = entry.Resource == "free" ? 0 : isGraphQl ? (query!.IsMutation ? 5 : 1) : route?.Writes == true ? 5 : 1;
            entry.CreatesContent = route?.CreatesContent == true;
            if (entry.Resource != "free" && _limits.Enter(credential.LimitedAs, entry.Resource, entry.Points, entry.CreatesContent) is { } hit)
            {
                return Dressed(http, credential, entry, Limited(hit, credential, entry));
            }

            entry.IsUnderWay = entry.Resource != "free";
        }

        var shapes = new Shapes(BaseAddress.ToString().TrimEnd('/') + http.Request.PathBase, BaseAddress.ToString().TrimEnd('/'));
        var call = new Call(_world, http, credential, shapes, body, route);
        var cost = 1;
        Answer answer;
        try
        {
            if (route?.Async is { } asynchronous)
            {
                answer = await asynchronous(call, ct).ConfigureAwait(false);
            }
            else
            {
                lock (_world.Gate)
                {
                    if (query is not null)
                    {
                        var execution = new GraphQlExecution(call, query, charge => _limits.Of(credential.LimitedAs, "graphql") is var now ? now with { Used = now.Used + charge } : null!);
                        answer = execution.Run();
                        cost = execution.Cost;
                    }
                    else if (entry.Resource == "free")
                    {
                        (answer, cost) = (MetaRoutes.RateLimit(_limits, credential.LimitedAs), 0);
                    }
                    else
                    {
                        answer = route?.Sync?.Invoke(call) ?? Answer.Refused(404, "Not Found");
                    }
                }
            }

            entry.Changed = answer.Status < 300 && route?.Writes == true && !isGraphQl;
        }
        catch (RefusedException refused)
        {
            answer = refused.Answer;
        }

        lock (_world.Gate)
        {
            answer = Conditional(http, credential, answer);
            entry.Charged = answer.Status == 304 ? 0 : cost;
            _limits.Charge(credential.LimitedAs, entry.Resource, entry.Charged);
            return Dressed(http, credential, entry, answer);
        }
    }

    /// <summary>Who a header's token stands for; null for a token that is none, or is no longer.</summary>
    private Credential? Known(string? header)
    {
        if (string.IsNullOrEmpty(header))
        {
            return Credential.Anonymous;
        }

        var token = header.Split(' ', 2) switch
        {
            [var scheme, var value] when scheme.Equals("bearer", StringComparison.OrdinalIgnoreCase) || scheme.Equals("token", StringComparison.OrdinalIgnoreCase) => value,
            [var scheme, var value] when scheme.Equals("basic", StringComparison.OrdinalIgnoreCase) => Password(value),
            _ => "",
        };
        return _world.Credentials.TryGetValue(token, out var credential) && !credential.IsRevoked && !(credential.ExpiresAt <= _world.Now) && credential.User?.IsDeleted != true ? credential : null;

        static string Password(string basic)
        {
            try
            {
                return Encoding.UTF8.GetString(Convert.FromBase64String(basic)).Split(':', 2) is [_, var password] ? password : "";
            }
            catch (FormatException)
            {
                return "";
            }
        }
    }

    private Answer Limited(LimitHit hit, Credential credential, Entry entry)
    {
        entry.Limit = hit.Name;
        if (hit.IsPrimary)
        {
            entry.RetryAfter = hit.RetryAfter;
            return Answer.Refused(_limits.Limits.PrimaryStatus, $"API rate limit exceeded for {(credential.Installation is null ? "user ID" : "installation ID")} {credential.Installation?.Id ?? credential.User?.Id}.");
        }

        var answer = Answer.Refused(_limits.Limits.SecondaryStatus, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.");
        if (_limits.Limits.SaysRetryAfter)
        {
            var seconds = (int)Math.Ceiling(Math.Max(1, hit.RetryAfter.TotalSeconds));
            entry.RetryAfter = TimeSpan.FromSeconds(seconds);
            answer.Headers["Retry-After"] = seconds.ToString(CultureInfo.InvariantCulture);
        }

        return answer;
    }

    /// <summary>An ETag is worth something only with the token it was given to.</summary>
    private static Answer Conditional(HttpContext http, Credential credential, Answer answer)
    {
        if (answer.Status != 200 || http.Request.Method != "GET")
        {
            return answer;
        }

        var etag = $"W/\"{Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(credential.Token), .. answer.Body]))}\"";
        var headers = new Dictionary<string, string>(answer.Headers, StringComparer.OrdinalIgnoreCase)
        {
            ["ETag"] = etag,
            ["Cache-Control"] = credential == Credential.Anonymous ? "public, max-age=60, s-maxage=60" : "private, max-age=60, s-maxage=60",
            ["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With",
        };
        if (answer.LastModified is { } modified)
        {
            headers["Last-Modified"] = modified.ToString("R", CultureInfo.InvariantCulture);
        }

        var request = http.Request.Headers;
        var same = request.IfNoneMatch.Count > 0
            ? request.IfNoneMatch.ToString().Contains(etag, StringComparison.Ordinal)
            : answer.LastModified is { } at && DateTimeOffset.TryParse(request.IfModifiedSince, CultureInfo.InvariantCulture, out var since) && at <= since;
        return same ? new Answer(304, []) { Headers = headers } : answer with { Headers = headers };
    }

    /// <summary>What GitHub says in the headers of every answer.</summary>
    private Answer Dressed(HttpContext http, Credential? credential, Entry entry, Answer answer)
    {
        var headers = answer.Headers;
        if (credential is not null)
        {
            var budget = _limits.Of(credential.LimitedAs, entry.Resource == "free" ? "core" : entry.Resource);
            foreach (var (name, value) in new (string, long)[] { ("limit", budget.Limit), ("remaining", budget.Remaining), ("used", budget.Used), ("reset", budget.Reset.ToUnixTimeSeconds()) })
            {
                headers["x-ratelimit-" + name] = value.ToString(CultureInfo.InvariantCulture);
            }

            headers["x-ratelimit-resource"] = entry.Resource == "free" ? "core" : entry.Resource;
        }

        headers["x-github-request-id"] = string.Create(CultureInfo.InvariantCulture, $"LOOP:{Interlocked.Increment(ref _requests):X6}");
        headers["x-github-media-type"] = "github.v3; format=json";
        headers["x-github-api-version-selected"] = ApiVersion;
        if (http.Request.PathBase.HasValue)
        {
            headers["x-github-enterprise-version"] = "3.19.0";
        }

        return answer with { Headers = headers };
    }

    private async Task DeliverAsync(HttpContext http, Answer answer, GitHubFaultPlan? plan, Entry entry, byte[] body, CancellationToken ct)
    {
        var isWhole = plan?.Fault is null or GitHubFault.Held or GitHubFault.ResetAfter or GitHubFault.Cut;
        lock (_exchanges)
        {
            _exchanges.Add(new GitHubExchange(http.Request.Method, entry.Resource == "graphql" ? "/graphql" : entry.Path, entry.Query, Encoding.UTF8.GetString(body), isWhole ? answer.Status : null, answer.ContentType, answer.Text));
        }

        switch (plan?.Fault)
        {
            case GitHubFault.ResetAfter:
                plan.Strike();
                entry.Abort();
                return;
            case GitHubFault.Held { AfterEffect: true } held:
                plan.Strike();
                await held.Until.WaitAsync(ct).ConfigureAwait(false);
                break;
            case GitHubFault.Garbage garbage:
                plan.Strike();
                answer = answer with { Body = Encoding.UTF8.GetBytes(garbage.Body) };
                break;
            default:
                break;
        }

        var response = http.Response;
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
        {
            response.Headers[name] = value;
        }

        if (answer.Status is not (204 or 304))
        {
            response.ContentType = answer.ContentType;
            response.ContentLength = answer.Body.Length;
        }

        if (plan?.Fault is GitHubFault.Cut)
        {
            plan.Strike();
            await response.Body.WriteAsync(answer.Body.AsMemory(0, answer.Body.Length / 2), ct).ConfigureAwait(false);
            await response.Body.FlushAsync(ct).ConfigureAwait(false);
            entry.Abort();
            return;
        }

        if (answer.Body.Length > 0 && answer.Status is not (204 or 304))
        {
            await response.Body.WriteAsync(answer.Body, ct).ConfigureAwait(false);
        }
    }

    private async Task ServeGitAsync(HttpContext http, string service, string operation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _closing.Token);
        var ct = either.Token;
        var entry = Open(http);
        (entry.Resource, entry.Route) = ("git", $"{http.Request.Method} git/{service}");
        var plan = FaultOf(http);
        try
        {
            if (await StrikesBeforeAsync(http, plan, entry, ct).ConfigureAwait(false))
            {
                return;
            }

            if (Admit(http, operation, entry) is not var (repository, user))
            {
                return;
            }

            // A push is known to all before the one who pushed learns that it worked.
            var isPush = service == "git-receive-pack";
            using var late = new MemoryStream();
            await GitHttpBackend.RunAsync(http, repository.GitDirectory, service, user, plan is null && !isPush ? http.Response.Body : late, ct).ConfigureAwait(false);
            if (isPush)
            {
                entry.Changed = true;
                repository.Pushed();
            }

            plan?.Strike();
            switch (plan?.Fault)
            {
                case GitHubFault.ResetAfter:
                    entry.Abort();
                    return;
                case GitHubFault.Held { AfterEffect: true } held:
                    await held.Until.WaitAsync(ct).ConfigureAwait(false);
                    break;
                case GitHubFault.Cut:
                    await http.Response.Body.WriteAsync(late.GetBuffer().AsMemory(0, (int)late.Length / 2), ct).ConfigureAwait(false);
                    await http.Response.Body.FlushAsync(ct).ConfigureAwait(false);
                    entry.Abort();
                    return;
                case GitHubFault.Garbage garbage:
                    late.SetLength(0);
                    late.Write(Encoding.UTF8.GetBytes(garbage.Body));
                    break;
                default:
                    break;
            }

            await http.Response.Body.WriteAsync(late.GetBuffer().AsMemory(0, (int)late.Length), ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            entry.Abort();
        }
    }

    private (GitHubRepository Repository, string User)? Admit(HttpContext http, string operation, Entry entry)
    {
        var name = $"{http.Request.RouteValues["owner"]}/{http.Request.RouteValues["repo"]}";
        name = name.EndsWith(".git", StringComparison.Ordinal) ? name[..^".git".Length] : name;
        var response = http.Response;
        lock (_world.Gate)
        {
            var credential = Known(http.Request.Headers.Authorization);
            (entry.Credential, entry.Account) = (credential?.Name ?? "", credential?.LimitedAs ?? "");
            var found = _world.Repositories.GetValueOrDefault(name) ?? _world.Former.GetValueOrDefault(name);
            var role = found is null || credential is null ? GitHubRole.None : credential.RoleIn(found);
            var write = operation == "git-receive-pack";
            if (credential is null || (credential == Credential.Anonymous && (write || role is GitHubRole.None)))
            {
                // GitHub asks an unknown caller to log in rather than say whether there is such a repository.
                response.StatusCode = 401;
                response.Headers.WWWAuthenticate = "Basic realm=\"GitHub\"";
                return null;
            }

            if (found is null || role is GitHubRole.None || !credential.Grants("contents", write: false))
            {
                response.StatusCode = 404;
                return null;
            }

            if (found.IsDisabled || (write && (found.IsArchived || role < GitHubRole.Write || !credential.Grants("contents", write))))
            {
                response.StatusCode = 403;
                return null;
            }

            if (!found.FullName.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                response.StatusCode = 301;
                response.Headers.Location = $"{BaseAddress}{found.FullName}.git{http.Request.Path.Value![(http.Request.Path.Value!.IndexOf('/', http.Request.Path.Value.IndexOf('/', 1) + 1))..]}{http.Request.QueryString}";
                return null;
            }

            return (found, credential.User?.Login ?? "");
        }
    }

    /// <summary>A line of the ledger, as far as its request has come.</summary>
    private sealed class Entry(HttpContext http, DateTimeOffset at)
    {
        private readonly string _method = http.Request.Method;
        private readonly bool _isConditional = http.Request.Headers.IfNoneMatch.Count > 0 || http.Request.Headers.IfModifiedSince.Count > 0;

        public string Path { get; } = http.Request.Path.ToUriComponent();

        public string Query { get; } = http.Request.QueryString.ToUriComponent();

        public string? Route { get; set; }

        public string Credential { get; set; } = "";

        public string Account { get; set; } = "";

        public string Resource { get; set; } = "core";

        public int Charged { get; set; }

        public int Points { get; set; }

        public bool CreatesContent { get; set; }

        public int Status { get; set; }

        public string? Limit { get; set; }

        public TimeSpan? RetryAfter { get; set; }

        public string? Fault { get; set; }

        public bool Changed { get; set; }

        /// <summary>No answer left, so that a status set on the way means nothing.</summary>
        public bool IsLost { get; private set; }

        /// <summary>Counts as one of the requests an account has at once, until its answer is out.</summary>
        public bool IsUnderWay { get; set; }

        private string BodyHash { get; set; } = "";

        public void Abort()
        {
            IsLost = true;
            http.Abort();
        }

        public void Is(Route? route, byte[] body)
        {
            Route = route?.Name;
            Resource = route?.Template switch { "/graphql" => "graphql", "/search/issues" => "search", "/rate_limit" => "free", _ => "core" };
            BodyHash = body is [] ? "" : Convert.ToHexStringLower(SHA256.HashData(body));
        }

        public GitHubRequest Read(int number) => new(
            number,
            at,
            _method,
            Path,
            Query,
            Route,
            Credential,
            Account,
            Resource,
            Charged,
            Points,
            CreatesContent,
            Status,
            _isConditional,
            BodyHash,
            Limit,
            RetryAfter,
            Fault,
            Changed);
    }
}
