using System.Diagnostics;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>Programs of the machine that a test runs or needs.</summary>
internal static class Programs
{
    public static string SearchPath { get; } = new ProcessStartInfo().Environment["PATH"]!;

    /// <summary>Top of the source tree the tests were built from.</summary>
    public static string SourceRoot { get; } = FindSourceRoot();

    public static bool Exists(string program) => SearchPath.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs a program to its end. Both streams are in the output.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string directory, string program, IEnumerable<string> arguments, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var error = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return (process.ExitCode, await output + await error);
    }

    private static string FindSourceRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ClaudeManager.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not lie in the source tree.");
        }

        return folder.FullName;
    }
}
