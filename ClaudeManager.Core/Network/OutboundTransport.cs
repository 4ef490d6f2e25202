using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Network;

/// <summary>Connections as <c>network.*</c> says: through the proxy, trusting the operator's authorities beside the system's.</summary>
internal static class OutboundTransport
{
    public static SocketsHttpHandler Create(NetworkConfiguration network)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.All,
            // A long-lived process must notice when a name points elsewhere.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            UseProxy = network.Proxy is not null,
            Proxy = network.Proxy is null ? null : ProxyOf(network),
        };
        if (network.CaBundle is not null)
        {
            var authorities = ReadAuthorities(network.CaBundle);
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => errors == SslPolicyErrors.None
                || (errors == SslPolicyErrors.RemoteCertificateChainErrors && certificate is X509Certificate2 server && chain is not null && IsTrusted(server, chain, authorities));
        }

        return handler;
    }

    private static WebProxy ProxyOf(NetworkConfiguration network)
    {
        var address = new Uri(network.Proxy!);
        var proxy = new WebProxy(new UriBuilder(address) { UserName = "", Password = "" }.Uri)
        {
            BypassList = [.. (network.NoProxy ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Bypass)],
        };
        if (address.UserInfo.Split(':', 2) is [var user, var password])
        {
            proxy.Credentials = new NetworkCredential(Uri.UnescapeDataString(user), Uri.UnescapeDataString(password));
        }

        return proxy;
    }

    /// <summary><c>NO_PROXY</c> as everybody reads it (a name stands for itself and everything below it), as the expression <see cref="WebProxy"/> wants.</summary>
    private static string Bypass(string host)
        => host == "*" ? ".*" : $@"^[a-z]+://(.+\.)?{System.Text.RegularExpressions.Regex.Escape(host.TrimStart('*').TrimStart('.'))}(:\d+)?(/|$)";

    private static X509Certificate2Collection ReadAuthorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new FileOperationException(ErrorCodes.CertificatesUnreadable, file, $"The certificates in '{file}' cannot be read.", "Check network.caBundle: a PEM file with one or more certificates.", cause);
        }

        return authorities;
    }

    private static bool IsTrusted(X509Certificate2 server, X509Chain presented, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        foreach (var element in presented.ChainElements)
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(server);
    }
}
