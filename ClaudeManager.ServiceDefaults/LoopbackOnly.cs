using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ClaudeManager.ServiceDefaults;

/// <summary>Stops a host that would listen beyond this machine: without sign-in, whoever reaches the port may approve and spend.</summary>
public static class LoopbackOnly
{
    public static IServiceCollection AddLoopbackOnly(this IServiceCollection services) => services.AddHostedService<Guard>();

    /// <summary>Whether an address such as <c>http://127.0.0.1:8080</c> is reachable from this machine only.</summary>
    public static bool IsLoopback(string address)
        => Uri.TryCreate(address, UriKind.Absolute, out var uri)
            && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip)));

    /// <summary>The addresses are known only once the server has read its configuration, so the check comes right after it starts.</summary>
    private sealed class Guard(IServer server) : IHostedLifecycleService
    {
        public Task StartedAsync(CancellationToken cancellationToken)
        {
            var open = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(address => !IsLoopback(address));
            return open is null
                ? Task.CompletedTask
                : throw new InvalidOperationException($"Refused to listen on {open}: there is no sign-in, so only loopback is allowed. Use http://127.0.0.1:<port>.");
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
