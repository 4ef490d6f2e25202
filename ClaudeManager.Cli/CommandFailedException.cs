namespace ClaudeManager.Cli;

/// <summary>A command's own reason to stop: said in words, no stack, and the exit code that goes with it.</summary>
internal sealed class CommandFailedException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;
}
