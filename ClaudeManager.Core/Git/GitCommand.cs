using System.Diagnostics;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Git;

/// <summary>git said no.</summary>
public sealed class GitException(string arguments, int exitCode, string error)
    : ClaudeManagerException(ErrorCodes.GitFailed, $"git {arguments} failed with exit code {exitCode}: {error}")
{
    public int ExitCode => exitCode;

    public string Error => error;
}

/// <param name="Output">Standard output as bytes: paths are not always text.</param>
public sealed record GitResult(int ExitCode, byte[] Output, string Error)
{
    public string Text => Encoding.UTF8.GetString(Output).TrimEnd('\n');
}

/// <summary>
/// Runs git with everything off by which a repository could run programs of its own: hooks, fsmonitor, <c>ext::</c> transport, lazy fetches, submodule recursion, prompts.
/// Arguments are a list, never a shell string. Only plumbing that does not refresh an index may be run against a directory an agent wrote.
/// </summary>
public static class GitCommand
{
    private static readonly string[] s_safety =
    [
        "-c", "core.hooksPath=/dev/null",
        "-c", "core.fsmonitor=false",
        "-c", "protocol.ext.allow=never",
        "-c", "fetch.recurseSubmodules=false",
        "-c", "submodule.recurse=false",
        "-c", "core.quotePath=false",
        "-c", "gc.auto=0",
        "-c", "maintenance.auto=false",
        "-c", "core.askPass=",
        "-c", "credential.helper=",
    ];

    /// <summary>Runs git to its end. The answer is the caller's to judge.</summary>
    /// <param name="directory">Passed as <c>-C</c>; trusted as <c>safe.directory</c>, because an operator registered it or we made it.</param>
    /// <param name="environment">Added to a minimal environment (PATH, HOME, locale C).</param>
    public static async Task<GitResult> TryAsync(string directory, IReadOnlyList<string> arguments, CancellationToken ct, byte[]? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(directory, arguments, environment);
        try
        {
            var output = ReadAllAsync(process.StandardOutput.BaseStream, ct);
            var error = process.StandardError.ReadToEndAsync(ct);
            try
            {
                if (input is not null)
                {
                    await process.StandardInput.BaseStream.WriteAsync(input, ct).ConfigureAwait(false);
                }

                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // git closed its end first; its exit code and message say why.
            }

            var bytes = await output.ConfigureAwait(false);
            var text = await error.ConfigureAwait(false);
            await process.WaitForExitAsync(ct).ConfigureAwait(false);
            return new GitResult(process.ExitCode, bytes, text.Trim());
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Runs git and throws <see cref="GitException"/> when it fails.</summary>
    public static async Task<GitResult> RunAsync(string directory, IReadOnlyList<string> arguments, CancellationToken ct, byte[]? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var result = await TryAsync(directory, arguments, ct, input, environment).ConfigureAwait(false);
        return result.ExitCode == 0 ? result : throw new GitException(string.Join(' ', arguments.Take(3)), result.ExitCode, result.Error);
    }

    /// <summary>Starts git for callers that stream; the caller owns the process.</summary>
    public static Process Start(string directory, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("git")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.ArgumentList.Add("-C");
        start.ArgumentList.Add(directory);
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("safe.directory=*");
        foreach (var argument in s_safety)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var path = start.Environment.TryGetValue("PATH", out var inherited) ? inherited : null;
        start.Environment.Clear();
        start.Environment["PATH"] = path ?? "/usr/local/bin:/usr/bin:/bin";
        start.Environment["HOME"] = "/nonexistent";
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        start.Environment["GIT_OPTIONAL_LOCKS"] = "0";
        start.Environment["GIT_NO_LAZY_FETCH"] = "1";
        start.Environment["GIT_NO_REPLACE_OBJECTS"] = "1";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException("git did not start.");
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream, CancellationToken ct)
    {
        using var buffer = new MemoryStream();
        await stream.CopyToAsync(buffer, ct).ConfigureAwait(false);
        return buffer.ToArray();
    }
}
