using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ClaudeManager.ServiceDefaults;

/// <summary>Ctrl+C or a termination signal asks the host for a graceful end; the second one ends the process at once.</summary>
public static class SecondSignal
{
    /// <summary>As a shell names what SIGINT has ended.</summary>
    public const int ExitCode = 130;

    public static IServiceCollection AddEndAtSecondSignal(this IServiceCollection services) => services.AddHostedService<Listener>();

    private sealed class Listener : IHostedService, IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations;
        private int _received;

        public Listener() => _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal)];

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
            foreach (var registration in _registrations)
            {
                registration.Dispose();
            }
        }

        private void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (Interlocked.Increment(ref _received) > 1)
            {
                Environment.Exit(ExitCode);
            }
        }
    }
}
