using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;

namespace ClaudeManager.Cli.Commands.Db;

/// <summary>The store without a server: what remains when a server cannot start.</summary>
internal sealed class OpenStore : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private OpenStore(ServiceProvider services) => _services = services;

    public static OpenStore Of(StartupSettings startup) => new(new ServiceCollection().AddLogging().AddMetrics().AddManagerStore(startup.Store).AddSingleton<Operation>().BuildServiceProvider());

    /// <summary>For changes to a store that lives in the data directory: nobody else may have it open.</summary>
    public static DataDirectoryLock Claim(StartupSettings startup)
        => DataDirectoryLock.TryAcquire(startup.Data)
            ?? throw new CommandFailedException(ExitCode.Conflict, $"A running Claude Manager is using {startup.Data.Root}. Stop it first.");

    /// <summary>Works on the store as an operation of whoever sits here.</summary>
    public Task<T> RunAsync<T>(OperationDescriptor operation, Func<DatabaseAdministration, CancellationToken, Task<T>> body, CancellationToken ct)
        => _services.GetRequiredService<Operation>().RunAsync(operation, Caller.LocalPerson(), (_, token) => body(_services.GetRequiredService<DatabaseAdministration>(), token), ct);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
