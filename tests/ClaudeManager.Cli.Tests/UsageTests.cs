using System.CommandLine;
using System.Text.RegularExpressions;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

public sealed partial class UsageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RecordedTerminal _terminal;

    public UsageTests() => _terminal = new RecordedTerminal(_directory.Path);

    [Theory]
    [InlineData("--help")]
    [InlineData("tasks", "approve", "--help")]
    public async Task Help_AnyCommand_IsOk(params string[] args)
    {
        Assert.Equal(ExitCode.Ok, await _terminal.RunAsync(args));
        Assert.Contains("Usage:", _terminal.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("tasks")]
    [InlineData("tasks", "show")]
    [InlineData("tasks", "show", "twelve")]
    [InlineData("tasks", "reject", "1")]
    [InlineData("tasks", "approve")]
    [InlineData("tasks", "approve", "1", "--all")]
    [InlineData("tasks", "approve", "1", "--min-score", "8")]
    [InlineData("tasks", "snooze", "1", "--until", "soon")]
    [InlineData("scan", "--propose", "--no-propose")]
    [InlineData("scan", "--explain")]
    [InlineData("repos", "list", "--format", "yaml")]
    [InlineData("repos", "list", "--server", "here")]
    public async Task Run_WrongUsage_SaysSoOnErrorAndTouchesNothing(params string[] args)
    {
        Assert.Equal(ExitCode.Usage, await _terminal.RunAsync(args));
        Assert.NotEmpty(_terminal.Error);
        Assert.Empty(_terminal.Out);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task Run_ArgumentLikeAResponseFile_IsText()
    {
        await File.WriteAllTextAsync(_directory.Combine("file"), "--help", TestContext.Current.CancellationToken);

        Assert.Equal(ExitCode.Usage, await _terminal.RunAsync("@" + _directory.Combine("file")));
    }

    [Fact]
    public async Task Run_ServerThatIsNotThere_IsUnavailable()
    {
        Assert.Equal(ExitCode.Unavailable, await _terminal.RunAsync("repos", "list", "--server", "http://127.0.0.1:1"));
    }

    [Fact]
    public async Task Run_WrongConfiguration_StopsWithItsReport()
    {
        var file = _directory.Combine("settings.json");
        await File.WriteAllTextAsync(file, """{ "server": { "port": "no" } }""", TestContext.Current.CancellationToken);

        Assert.Equal(ExitCode.Configuration, await _terminal.RunAsync("repos", "list", "--config", file, "--data", _directory.Combine("data")));
        Assert.Contains("server.port", _terminal.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_AnotherAddressThanLoopback_IsRefused()
    {
        var file = _directory.Combine("settings.json");
        await File.WriteAllTextAsync(file, """{ "server": { "host": "0.0.0.0" } }""", TestContext.Current.CancellationToken);

        Assert.Equal(ExitCode.Configuration, await _terminal.RunAsync("start", "--config", file, "--data", _directory.Combine("data")));
        Assert.Contains("0.0.0.0", _terminal.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Documentation_EveryCommandAndOption_IsThere()
    {
        var words = Words().Matches(File.ReadAllText(DocumentationFile())).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);
        var missing = from command in Descendants(CommandLine.CreateRoot(Terminal.OfThisProcess()))
                      from name in command.Options.Where(option => option.Name is not ("--help" or "--version")).SelectMany(option => option.Aliases.Append(option.Name)).Concat(command is RootCommand ? [] : [command.Name])
                      where !words.Contains(name)
                      select $"{command.Name} {name}";

        Assert.Empty(missing);
    }

    public void Dispose()
    {
        _terminal.Dispose();
        _directory.Dispose();
    }

    private static IEnumerable<Command> Descendants(Command command) => command.Subcommands.SelectMany(Descendants).Prepend(command);

    private static string DocumentationFile()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ClaudeManager.sln")))
        {
            folder = folder.Parent!;
        }

        return Path.Combine(folder.FullName, "docs", "cli.md");
    }

    [GeneratedRegex("[-a-z]+")]
    private static partial Regex Words();
}
