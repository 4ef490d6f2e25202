namespace ClaudeManager.Cli.Tests;

/// <summary>Runs command lines as the program does, and keeps what they said.</summary>
/// <param name="width">Of the screen that somebody looks at; null where output goes to another program.</param>
internal sealed class RecordedTerminal(string workingDirectory, string? answer = null, IReadOnlyDictionary<string, string>? variables = null, int? width = null) : IDisposable
{
    private readonly StringWriter _out = new();
    private readonly StringWriter _error = new();

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    public Task<int> RunAsync(params string[] args) => RunAsync(TestContext.Current.CancellationToken, args);

    /// <param name="ct">What Ctrl+C is to the program.</param>
    public Task<int> RunAsync(CancellationToken ct, params string[] args)
    {
        _out.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        var terminal = new Terminal(
            new StringReader(answer ?? ""), _out, _error, workingDirectory, IsInteractive: answer is not null, OutWidth: width, TimeProvider.System,
            new Dictionary<string, string>(variables ?? new Dictionary<string, string>()) { ["HOME"] = workingDirectory });
        return CommandLine.RunAsync(args, terminal, ct);
    }

    public void Dispose()
    {
        _out.Dispose();
        _error.Dispose();
    }
}
