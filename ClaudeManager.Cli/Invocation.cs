using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Configuration;

namespace ClaudeManager.Cli;

/// <summary>One run of one command: its options, what it says, and the Api it talks to.</summary>
internal sealed class Invocation(ParseResult parse, GlobalOptions options, Terminal terminal)
{
    public CommandOutput Output { get; } = new(terminal, parse.GetValue(options.Format) == GlobalOptions.Json, !parse.GetValue(options.NoColor));

    public TimeProvider Time => terminal.Time;

    public string WorkingDirectory => terminal.WorkingDirectory;

    public bool IsDebug => parse.GetValue(options.Debug);

    /// <summary>How much the hosts of this process log; a command's own words are not logging.</summary>
    public LogLevel LogLevelOr(LogLevel otherwise) => IsDebug ? LogLevel.Debug : parse.GetValue(options.Verbose) ? LogLevel.Information : otherwise;

    public T? Get<T>(Option<T> option) => parse.GetValue(option);

    public T? Get<T>(Argument<T> argument) => parse.GetValue(argument);

    /// <param name="overrides">Configuration keys this command has options for.</param>
    public StartupSettings LoadStartup(IReadOnlyDictionary<string, string>? overrides = null)
        => StartupSettings.Load(
            new StartupOptions
            {
                ConfigurationFile = parse.GetValue(options.Config) is { } file ? Path.GetFullPath(file, WorkingDirectory) : null,
                DataDirectory = parse.GetValue(options.Data) is { } data ? Path.GetFullPath(data, WorkingDirectory) : null,
                Environment = parse.GetValue(options.Environment),
                Overrides = overrides ?? new Dictionary<string, string>(),
            },
            terminal.Variables);

    public Task<ManagerConnection> ConnectAsync(CancellationToken ct, bool withRuns = false, bool withEffects = false, IReadOnlyDictionary<string, string>? overrides = null)
        => parse.GetValue(options.Server) is { } server
            ? ManagerConnection.ToServerAsync(server, Time, ct)
            : ManagerConnection.OfDataDirectoryAsync(LoadStartup(overrides), withRuns, withEffects, LogLevelOr(LogLevel.Warning), Time, ct);
}
