using System.Text.Json;
using ClaudeManager.Core.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClaudeManager.Cli.Output;

/// <summary>Headings, and cells of plain text.</summary>
internal sealed record OutputTable(IReadOnlyList<string> Columns, IEnumerable<IReadOnlyList<string?>> Rows);

/// <summary>What a command says. With <c>--format json</c> standard output carries the result and nothing else; words go to standard error.</summary>
internal sealed class CommandOutput(Terminal terminal, bool json, bool color)
{
    private static readonly JsonSerializerOptions s_indented = new(ManagerJson.Options) { WriteIndented = true };

    public bool IsJson => json;

    /// <summary>Somebody watches standard error, and wants words.</summary>
    public bool IsWatched => !json && terminal.IsInteractive;

    private TextWriter People => json ? terminal.Error : terminal.Out;

    /// <summary>The command's result: as JSON, or as people read it.</summary>
    public void Result<T>(T value, Action forPeople)
    {
        if (json)
        {
            terminal.Out.WriteLine(JsonSerializer.Serialize(value, s_indented));
        }
        else
        {
            forPeople();
        }
    }

    /// <summary>One of many results, each on a line of its own.</summary>
    public void ResultLine<T>(T value, Func<string> forPeople)
        => terminal.Out.WriteLine(json ? JsonSerializer.Serialize(value, ManagerJson.Options) : PrintableText.Of(forPeople()));

    public void Say(string text) => People.WriteLine(PrintableText.Of(text));

    public void Problem(string text) => terminal.Error.WriteLine(PrintableText.Of(text));

    /// <summary>Bytes meant for another program as they are; a person at a terminal gets them printable.</summary>
    public void Raw(string text) => terminal.Out.Write(terminal.OutWidth is null ? text : PrintableText.Of(text));

    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string?>> rows) => Write(Make(new OutputTable(columns, rows)));

    /// <summary>Shows tables again and again in the same place, for as long as <paramref name="work"/> gives new ones; where nobody watches, one after the other.</summary>
    public Task LiveAsync(Func<Action<IReadOnlyList<OutputTable>>, Task> work)
    {
        if (terminal.OutWidth is null)
        {
            return work(tables => Write(Stack(tables)));
        }

        var console = CreateConsole(terminal.Out, InteractionSupport.Yes);
        console.Profile.Width = terminal.OutWidth.Value;
        return console.Live(new Text("")).StartAsync(live => work(tables => live.UpdateTarget(Stack(tables))));

        static Rows Stack(IReadOnlyList<OutputTable> tables) => new(tables.Select(Make));
    }

    private void Write(IRenderable content)
    {
        var console = CreateConsole(People, InteractionSupport.No);

        // A program that reads a table wants one row per line.
        console.Profile.Width = terminal.OutWidth ?? 1000;
        console.Write(content);
    }

    private static Table Make(OutputTable given)
    {
        var (columns, rows) = (given.Columns, given.Rows);
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column)).PadLeft(0));
        }

        foreach (var row in rows)
        {
            // Text, not a string: a string would be read as markup.
            table.AddRow(row.Select(cell => (IRenderable)new Text(PrintableText.Line(cell ?? ""))));
        }

        return table;
    }

    /// <summary>Names and values, one pair a line; pairs without a value are left out.</summary>
    public void Facts(params ReadOnlySpan<(string Name, string? Value)> facts)
    {
        foreach (var (name, value) in facts)
        {
            if (!string.IsNullOrEmpty(value))
            {
                Say($"{name + ":",-14}{PrintableText.Line(value)}");
            }
        }
    }

    /// <summary>Asks for a yes. Nobody there to ask is an error, never a yes.</summary>
    public bool Confirm(string question)
    {
        if (!terminal.IsInteractive)
        {
            throw new CommandFailedException(ExitCode.Usage, "This needs a yes, and there is nobody to ask: add --yes.");
        }

        terminal.Error.Write($"{PrintableText.Of(question)} [y/N] ");
        return terminal.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    public string Time(DateTimeOffset? at)
        => at is { } time ? TimeZoneInfo.ConvertTime(time, terminal.Time.LocalTimeZone).ToString("yyyy-MM-dd HH:mm", null) : "";

    /// <summary>A line on standard error that tells how far something is, and is gone when <paramref name="work"/> ends. Only for whom <see cref="IsWatched"/>.</summary>
    public Task ProgressAsync(string what, Func<ProgressTask, Task> work)
        => CreateConsole(terminal.Error, InteractionSupport.Yes).Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn())
            .StartAsync(progress => work(progress.AddTask(Markup.Escape(PrintableText.Line(what))).IsIndeterminate()));

    private IAnsiConsole CreateConsole(TextWriter writer, InteractionSupport interactive)
        => AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = color || interactive == InteractionSupport.Yes ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = color ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = interactive,
        });
}
