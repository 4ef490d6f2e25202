using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Cli.Start;
using ClaudeManager.Core.Configuration;
using ClaudeManager.ServiceDefaults;

namespace ClaudeManager.Cli.Commands;

internal sealed class StartCommand : Command
{
    private readonly Option<int?> _port = new("--port", "-p") { Description = "Port of the dashboard (8080). Only this machine can reach it.", HelpName = "port" };
    private readonly Option<bool> _anyPort = new("--any-port") { Description = "If that port is taken, the next free one; not together with --port." };
    private readonly Option<bool> _sample = new("--sample") { Description = "Make a small sample repository to try everything on, without a key or an agent." };
    private readonly Option<bool> _open = new("--open") { Description = "Open the dashboard in the browser." };

    public StartCommand(CommandRunner runner)
        : base("start", "Start the server with its dashboard, all in this process. Ctrl+C ends it; twice ends it at once.")
    {
        Options.Add(_port);
        Options.Add(_anyPort);
        Options.Add(_sample);
        Options.Add(_open);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var output = invocation.Output;
        var port = invocation.Get(_port);
        var startup = invocation.LoadStartup(port is { } given ? new Dictionary<string, string> { ["server.port"] = given.ToString(CultureInfo.InvariantCulture) } : null);
        var endpoint = EndpointOf(startup.Configuration.Server);
        if (await ServerFile.FindLiveAsync(startup.Data, ct).ConfigureAwait(false) is { } running)
        {
            throw new CommandFailedException(ExitCode.Conflict, $"Claude Manager already runs on {startup.Data.Root}: {running.Url} (process {running.Pid}).");
        }

        var ownership = DataDirectoryLock.TryAcquire(startup.Data)
            ?? throw new CommandFailedException(ExitCode.TryLater, $"Another process is using {startup.Data.Root}. Try again when it has ended, or name another directory with --data.");
        var options = new AllInOneOptions(startup, ownership, invocation.LogLevelOr(LogLevelOf(startup.Configuration.Logging)))
        {
            Runs = true,
            Dashboard = endpoint,
            AnyPort = invocation.Get(_anyPort) && port is null,
        };
        await using var host = await AllInOneHost.StartAsync(options, ct).ConfigureAwait(false);
        output.Result(ServerFile.OfThisProcess(host.Address), () =>
        {
            output.Say($"Claude Manager is at {host.Address}");
            output.Say($"Its data is in {startup.Data.Root}. Ctrl+C ends it.");
        });

        if (invocation.Get(_open))
        {
            using var browser = Process.Start(new ProcessStartInfo(host.Address.ToString()) { UseShellExecute = true });
        }

        try
        {
            await using (var connection = ManagerConnection.ToOwn(host))
            {
                await FirstRepository.RegisterAsync(connection.Api, invocation, invocation.Get(_sample), startup.Configuration.GitHub.ReposToScan, ct).ConfigureAwait(false);
            }

            await host.WaitForFailureAsync(ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Asked to stop during the first step: as good an end as any.
        }

        if (!ct.IsCancellationRequested)
        {
            output.Problem("A part of the server stopped by itself; the log says why.");
            return ExitCode.Failed;
        }

        output.Say("Stopping.");
        return ExitCode.Ok;
    }

    private static IPEndPoint EndpointOf(ServerConfiguration server)
    {
        if (!LoopbackOnly.IsLoopback($"http://{(server.Host.Contains(':') ? $"[{server.Host}]" : server.Host)}"))
        {
            throw new CommandFailedException(ExitCode.Configuration, $"server.host is \"{server.Host}\", but there is no sign-in yet: whoever reached the port could approve and spend. Only 127.0.0.1, ::1 and localhost are allowed.");
        }

        return new IPEndPoint(IPAddress.TryParse(server.Host, out var address) ? address : IPAddress.Loopback, server.Port);
    }

    private static LogLevel LogLevelOf(LoggingConfiguration logging) => logging.Level switch
    {
        "DEBUG" => LogLevel.Debug,
        "WARNING" => LogLevel.Warning,
        "ERROR" => LogLevel.Error,
        "CRITICAL" => LogLevel.Critical,
        _ => LogLevel.Information,
    };
}
