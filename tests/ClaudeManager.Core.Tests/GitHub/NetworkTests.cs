using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Network;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary><c>network.*</c> holds for the API.</summary>
public sealed class NetworkTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("other.example", null, true)]
    [InlineData("127.0.0.1", null, false)]
    [InlineData("localhost,127.0.0.1", null, false)]
    [InlineData("*", null, false)]
    [InlineData(".0.0.1", null, false)]
    [InlineData("27.0.0.1", null, true)]
    [InlineData("", "ana:p%40ss", true)]
    public async Task Request_WithAProxy_GoesThereUnlessExcepted(string noProxy, string? user, bool throughProxy)
    {
        await using var target = await Serve("target");
        await using var proxy = await Serve("proxy");
        var address = new UriBuilder(proxy.Urls.Single());
        (address.UserName, address.Password) = user?.Split(':') is [var name, var password] ? (name, password) : ("", "");
        using var transport = OutboundTransport.Create(new NetworkConfiguration { Proxy = address.Uri.AbsoluteUri, NoProxy = noProxy });
        using var http = new HttpMessageInvoker(transport);

        using var response = await http.SendAsync(new HttpRequestMessage(HttpMethod.Get, target.Urls.Single()), Ct);

        Assert.Equal(throughProxy ? "proxy" : "target", await response.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task Tls_OfOurOwnAuthority_IsTrustedOnlyWithIt()
    {
        using var directory = new TemporaryDirectory();
        using var authority = Authority();
        using var server = Certificate(authority);
        await File.WriteAllTextAsync(directory.Combine("ca.pem"), authority.ExportCertificatePem(), Ct);
        await using var target = await Serve("target", server);
        var address = target.Urls.Single();

        using var trusting = new HttpMessageInvoker(OutboundTransport.Create(new NetworkConfiguration { CaBundle = directory.Combine("ca.pem") }));
        using var other = new HttpMessageInvoker(OutboundTransport.Create(new NetworkConfiguration()));
        using var response = await trusting.SendAsync(new HttpRequestMessage(HttpMethod.Get, address), Ct);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Assert.ThrowsAsync<HttpRequestException>(() => other.SendAsync(new HttpRequestMessage(HttpMethod.Get, address), Ct));
        // The right authority does not make a certificate right for another name.
        await Assert.ThrowsAsync<HttpRequestException>(() => trusting.SendAsync(new HttpRequestMessage(HttpMethod.Get, address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)), Ct));
    }

    [Theory]
    [InlineData("none.pem", null)]
    [InlineData("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public void CaBundle_Unreadable_SaysSo(string name, string? content)
    {
        using var directory = new TemporaryDirectory();
        if (content is not null)
        {
            File.WriteAllText(directory.Combine(name), content);
        }

        Assert.Throws<FileOperationException>(() => OutboundTransport.Create(new NetworkConfiguration { CaBundle = directory.Combine(name) }));
    }

    private static async Task<WebApplication> Serve(string name, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var app = builder.Build();
        app.Run(http => http.Response.WriteAsync(name, http.RequestAborted));
        await app.StartAsync(Ct);
        return app;
    }

    private static X509Certificate2 Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
    }

    private static X509Certificate2 Certificate(X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(authority, authority.NotBefore, authority.NotAfter, [1, 2, 3, 4]);
        using var whole = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pfx), null);
    }
}
