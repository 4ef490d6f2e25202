namespace ClaudeManager.Cli;

/// <summary>What the process ends with; documented in <c>docs/cli.md</c> and kept stable for scripts. From 64 on they are those of <c>sysexits.h</c>.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int NotFound = 5;
    public const int Denied = 6;
    public const int Conflict = 7;
    public const int RateLimited = 8;
    public const int Unavailable = 69;
    public const int TryLater = 75;
    public const int Configuration = 78;
    public const int Interrupted = 130;
}
