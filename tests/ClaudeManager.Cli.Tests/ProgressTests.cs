using ClaudeManager.Cli.Commands;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Tests;

public sealed class ProgressTests
{
    private static readonly ScanProgressDto s_scan = new(1200, 8802, 57, 410.44, 18.5, new DateTimeOffset(2026, 11, 2, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Describe_AllKnown_SaysItWithUnits()
        => Assert.Equal("1,200 of 8,802 files, 57 findings, 410.4 files/s, 19 s left", ScanWatch.Describe(s_scan, 8802));

    [Fact]
    public void Describe_NothingReadYet_GuessesNothing()
        => Assert.Equal("0 of 8,802 files, 0 findings", ScanWatch.Describe(s_scan with { Files = 0, Findings = 0, FilesPerSecond = null, RemainingSeconds = null }, 8802));

    [Fact]
    public async Task Progress_HostileName_IsTextOnStandardErrorOnly()
    {
        using var o = new StringWriter();
        using var e = new StringWriter();
        var output = new CommandOutput(Terminal(o, e, interactive: true), json: false, color: false);

        await output.ProgressAsync("[red]a\u001b[2J[/]", line =>
        {
            line.IsIndeterminate = false;
            line.Value = 60;
            return Task.CompletedTask;
        });

        Assert.Contains("[red]a<U+001B>[2J[/]", e.ToString(), StringComparison.Ordinal);
        Assert.Empty(o.ToString());
    }

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    [InlineData(false, false, false)]
    public void IsWatched_OnlyByAPersonWhoWantsWords(bool interactive, bool json, bool expected)
        => Assert.Equal(expected, new CommandOutput(Terminal(TextWriter.Null, TextWriter.Null, interactive), json, color: false).IsWatched);

    private static Terminal Terminal(TextWriter o, TextWriter e, bool interactive)
        => new(TextReader.Null, o, e, "/", interactive, OutWidth: null, TimeProvider.System);
}
