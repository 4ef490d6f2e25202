using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Network;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using NuGet.Versioning;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

/// <summary>A registry's word on a package.</summary>
/// <param name="Newest">The newest stable version people may take; null when there is none.</param>
/// <param name="IsKnown">False when the registry has no such package.</param>
internal sealed record PackageAnswer(NuGetVersion? Newest, bool IsKnown)
{
    public static PackageAnswer Unknown { get; } = new(null, IsKnown: false);
}

/// <summary>No answer, or none that could be understood.</summary>
internal sealed class RegistryException(string message, Exception? cause = null) : ClaudeManagerException(ErrorCodes.RegistryFailed, message, cause: cause);

/// <summary>The registries of <c>analyzer.registries</c>: NuGet's (v3 service index and registrations, which know what was taken off the list) and npm's (abbreviated packument). No others are ever asked.</summary>
internal sealed class PackageRegistries : IDisposable
{
    private const int LargestAnswer = 32 << 20;
    private const int MostKept = 20_000;

    private static readonly string[] s_registrationTypes = ["RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/3.4.0", "RegistrationsBaseUrl"];
    private static readonly TimeSpan s_keep = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<(Uri Registry, string Name), (PackageAnswer Answer, DateTimeOffset At)> _kept = [];
    private readonly ConcurrentDictionary<Uri, Uri> _registrations = [];
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _time;

    private readonly UpstreamPipelines _pipelines;

    public PackageRegistries(NetworkConfiguration network, UpstreamPipelines pipelines, TimeProvider time)
    {
        (_pipelines, _time) = (pipelines, time);
        _http = new HttpMessageInvoker(OutboundTransport.Create(network));
    }

    /// <exception cref="RegistryException">The registry does not say.</exception>
    public async Task<PackageAnswer> FindAsync(PackageEcosystem ecosystem, Uri registry, string name, CancellationToken ct)
    {
        var now = _time.GetUtcNow();
        if (_kept.TryGetValue((registry, name), out var kept) && now - kept.At < s_keep)
        {
            return kept.Answer;
        }

        var answer = ecosystem switch
        {
            PackageEcosystem.NuGet => await AskNuGetAsync(registry, name, ct).ConfigureAwait(false),
            PackageEcosystem.Npm => await AskNpmAsync(registry, name, ct).ConfigureAwait(false),
        };
        if (_kept.Count >= MostKept)
        {
            _kept.Clear();
        }

        _kept[(registry, name)] = (answer, now);
        return answer;
    }

    public void Dispose() => _http.Dispose();

    private async Task<PackageAnswer> AskNuGetAsync(Uri index, string name, CancellationToken ct)
    {
        var registrations = await RegistrationsAsync(index, ct).ConfigureAwait(false);
        using var document = await GetAsync(new Uri(registrations, $"{Uri.EscapeDataString(name.ToLowerInvariant())}/index.json"), null, ct).ConfigureAwait(false);
        if (document is null)
        {
            return PackageAnswer.Unknown;
        }

        // The last page has the newest versions. A page is in the index, or has an address of its own.
        foreach (var page in Read(() => document.RootElement.GetProperty("items"u8).EnumerateArray().Reverse().ToList()))
        {
            using var apart = page.TryGetProperty("items"u8, out _) ? null : await GetAsync(Read(() => OnSameHost(registrations, page.GetProperty("@id"u8).GetString()!)), null, ct).ConfigureAwait(false);
            if (Read(() => NewestListed((apart?.RootElement ?? page).GetProperty("items"u8))) is { } newest)
            {
                return new PackageAnswer(newest, IsKnown: true);
            }
        }

        return new PackageAnswer(null, IsKnown: true);
    }

    /// <summary>Where the registry keeps what it knows of packages, as its service index says: the newest kind, which has every version.</summary>
    private async Task<Uri> RegistrationsAsync(Uri index, CancellationToken ct)
    {
        if (_registrations.TryGetValue(index, out var known))
        {
            return known;
        }

        using var document = await GetAsync(index, null, ct).ConfigureAwait(false) ?? throw new RegistryException($"{index.Host} has no service index at {index.AbsolutePath}.");
        return _registrations[index] = Read(() =>
        {
            var resources = document.RootElement.GetProperty("resources"u8).EnumerateArray()
                .Select(r => (Type: r.GetProperty("@type"u8).GetString(), Address: r.GetProperty("@id"u8).GetString()!)).ToList();
            var address = s_registrationTypes.Select(type => resources.FirstOrDefault(r => r.Type == type).Address).First(a => a is not null);
            return OnSameHost(index, address.TrimEnd('/') + "/");
        });
    }

    private static NuGetVersion? NewestListed(JsonElement items)
        => items.EnumerateArray().Select(i => i.GetProperty("catalogEntry"u8))
            .Where(e => !e.TryGetProperty("listed"u8, out var listed) || listed.ValueKind != JsonValueKind.False)
            .Select(e => NuGetVersion.TryParse(e.GetProperty("version"u8).GetString(), out var version) ? version : null)
            .Where(v => v is { IsPrerelease: false }).Max();

    private async Task<PackageAnswer> AskNpmAsync(Uri registry, string name, CancellationToken ct)
    {
        var root = new Uri(registry.AbsoluteUri.TrimEnd('/') + "/");
        using var document = await GetAsync(new Uri(root, name.Replace("/", "%2f", StringComparison.Ordinal)), "application/vnd.npm.install-v1+json", ct).ConfigureAwait(false);
        return document is null ? PackageAnswer.Unknown : Read(() =>
        {
            // What its authors call the latest, unless that is a preview.
            var answer = document.RootElement;
            if (answer.TryGetProperty("dist-tags"u8, out var tags) && tags.TryGetProperty("latest"u8, out var tag)
                && NuGetVersion.TryParse(tag.GetString(), out var latest) && !latest.IsPrerelease)
            {
                return new PackageAnswer(latest, IsKnown: true);
            }

            return new PackageAnswer(
                answer.GetProperty("versions"u8).EnumerateObject().Where(v => !v.Value.TryGetProperty("deprecated"u8, out _))
                    .Select(v => NuGetVersion.TryParse(v.Name, out var version) ? version : null).Where(v => v is { IsPrerelease: false }).Max(),
                IsKnown: true);
        });
    }

    /// <summary>Null when the registry says that there is no such thing.</summary>
    private async Task<JsonDocument?> GetAsync(Uri address, string? accept, CancellationToken ct)
    {
        try
        {
            using var response = await _pipelines.Of(Upstreams.Registry, address.Authority).ExecuteAsync(
                static (s, token) => s.registries.SendAsync(s.address, s.accept, token), (registries: this, address, accept), repeatable: true, ct).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
            {
                return null;
            }

            return response.IsSuccessStatusCode
                ? JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false))
                : throw new RegistryException(FormattableString.Invariant($"{address.Host} answered {(int)response.StatusCode}."));
        }
        catch (Exception cause) when (cause is TimeoutException or CircuitOpenException)
        {
            throw new RegistryException(cause.Message, cause);
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException)
        {
            throw new RegistryException($"{address.Host} cannot be reached: {cause.Message}", cause);
        }
        catch (JsonException cause)
        {
            throw Malformed(cause);
        }
    }

    /// <summary>With the whole body, so that the attempt's time-out and the breaker know of one that breaks off.</summary>
    private async ValueTask<HttpResponseMessage> SendAsync(Uri address, string? accept, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("claude-manager", null));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept ?? "application/json"));
        var response = await _http.SendAsync(request, ct).ConfigureAwait(false);
        try
        {
            await response.Content.LoadIntoBufferAsync(LargestAnswer, ct).ConfigureAwait(false);
            return response;
        }
        catch (HttpRequestException cause) when (cause.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            response.Dispose();
            throw new RegistryException($"The answer of {address.Host} is larger than {LargestAnswer >> 20} MiB.", cause);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>A registry sends nobody elsewhere: an answer must not make us ask hosts nobody configured.</summary>
    private static Uri OnSameHost(Uri asked, string address)
        => new Uri(asked, address) is var named && named.Authority == asked.Authority && named.Scheme == asked.Scheme ? named : throw new FormatException($"An address on {named.Host}.");

    private static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception cause) when (cause is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw Malformed(cause);
        }
    }

    private static RegistryException Malformed(Exception cause) => new("The registry's answer is not of the shape it should have.", cause);
}
