using System.CommandLine;

namespace ClaudeManager.Cli;

/// <summary>Options every command takes, before or after its name.</summary>
internal sealed class GlobalOptions
{
    public const string Json = "json";

    public Option<string?> Config { get; } = new("--config", "-c") { Description = "The configuration file.", HelpName = "file", Recursive = true };

    public Option<string?> Environment { get; } = new("--environment", "-e") { Description = "development, staging or production.", HelpName = "name", Recursive = true };

    public Option<string?> Data { get; } = new("--data") { Description = "The data directory; default: the platform's folder for user data.", HelpName = "directory", Recursive = true };

    public Option<Uri?> Server { get; } = new("--server")
    {
        Description = "A running server to talk to instead of the one of the data directory.",
        HelpName = "url",
        Recursive = true,
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
            {
                return uri;
            }

            result.AddError("--server takes a URL such as http://127.0.0.1:8080.");
            return null;
        },
    };

    public Option<string> Format { get; } = new("--format") { Description = "table, or json: one document on standard output, words for people on standard error.", DefaultValueFactory = _ => "table", Recursive = true };

    public Option<bool> NoColor { get; } = new("--no-color") { Description = "No colours; NO_COLOR in the environment does the same.", Recursive = true };

    public Option<bool> Verbose { get; } = new("--verbose", "-v") { Description = "Say what is being done.", Recursive = true };

    public Option<bool> Debug { get; } = new("--debug", "-d") { Description = "Say everything, stack traces included.", Recursive = true };

    public GlobalOptions() => Format.AcceptOnlyFromAmong("table", Json);

    public void AddTo(RootCommand root)
    {
        foreach (Option option in (Option[])[Config, Environment, Data, Server, Format, NoColor, Verbose, Debug])
        {
            root.Options.Add(option);
        }
    }
}
