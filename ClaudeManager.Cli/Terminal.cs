namespace ClaudeManager.Cli;

/// <summary>The side of the process a command line talks to.</summary>
/// <param name="IsInteractive">Somebody can be asked.</param>
/// <param name="Variables">Environment variables; null for those of the process.</param>
/// <param name="OutWidth">Columns of the terminal standard output is; null when it goes to a file or a program.</param>
internal sealed record Terminal(TextReader In, TextWriter Out, TextWriter Error, string WorkingDirectory, bool IsInteractive, int? OutWidth, TimeProvider Time, IReadOnlyDictionary<string, string>? Variables = null)
{
    public static Terminal OfThisProcess()
        => new(
            Console.In,
            Console.Out,
            Console.Error,
            Directory.GetCurrentDirectory(),
            !Console.IsInputRedirected && !Console.IsErrorRedirected,
            Console.IsOutputRedirected ? null : Console.WindowWidth,
            TimeProvider.System);
}
