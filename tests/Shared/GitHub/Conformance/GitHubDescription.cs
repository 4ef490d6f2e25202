using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;

namespace ClaudeManager.Tests.Shared.GitHub.Conformance;

/// <summary>What does not fit GitHub's published description.</summary>
public sealed class GitHubDescriptionException(IReadOnlyList<string> problems)
    : Exception($"{problems.Count} exchanges do not fit GitHub's published description:{Environment.NewLine}{string.Join(Environment.NewLine, problems.Take(20))}")
{
    public IReadOnlyList<string> Problems => problems;
}

/// <summary>
/// GitHub's published descriptions (REST as OpenAPI, GraphQL as a schema) in one long-lived Node process, which compiles an operation when it first sees it.
/// The packages are fetched by npm once, into the user's cache folder; after that it works offline.
/// </summary>
public static class GitHubDescription
{
    private static readonly string[] s_files = ["package.json", "package-lock.json", "prepare.mjs", "validate.mjs"];
    private static readonly SemaphoreSlim s_turn = new(1);
    private static Process? s_validator;

    /// <returns>What does not fit, each once.</returns>
    public static async Task<IReadOnlyList<string>> CheckAsync(IReadOnlyCollection<GitHubExchange> exchanges, CancellationToken ct)
    {
        await s_turn.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var validator = s_validator ??= Start(await InstallAsync(ct).ConfigureAwait(false));
            var problems = new List<string>();
            foreach (var exchange in exchanges)
            {
                await validator.StandardInput.WriteLineAsync(JsonSerializer.Serialize(exchange).AsMemory(), ct).ConfigureAwait(false);
                await validator.StandardInput.FlushAsync(ct).ConfigureAwait(false);
                var line = await validator.StandardOutput.ReadLineAsync(ct).ConfigureAwait(false)
                    ?? throw new InvalidOperationException("The validator ended: " + await validator.StandardError.ReadToEndAsync(ct).ConfigureAwait(false));
                problems.AddRange(JsonSerializer.Deserialize<string[]>(line)!);
            }

            return [.. problems.Distinct()];
        }
        catch
        {
            // Its answers may be out of step now; the next one begins anew.
            s_validator?.Dispose();
            s_validator = null;
            throw;
        }
        finally
        {
            s_turn.Release();
        }
    }

    private static Process Start(string folder)
    {
        // It ends when its standard input does, that is with this process.
        var start = new ProcessStartInfo("node") { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add("validate.mjs");
        return Process.Start(start) ?? throw new InvalidOperationException("node did not start.");
    }

    /// <summary>A folder per state of our files, made whole or not at all, so that test processes may race for it.</summary>
    private static async Task<string> InstallAsync(CancellationToken ct)
    {
        var files = s_files.ToDictionary(f => f, Resource);
        var version = Convert.ToHexStringLower(SHA256.HashData([.. files.Values.SelectMany(f => f)]))[..16];
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var cache = Path.Combine(home.Length > 0 ? home : Path.GetTempPath(), ".cache", "claude-manager-tests");
        var folder = Path.Combine(cache, "github-description-" + version);
        if (Directory.Exists(folder))
        {
            return folder;
        }

        Directory.CreateDirectory(cache);
        var making = Directory.CreateTempSubdirectory("github-description-").FullName;
        try
        {
            foreach (var (name, content) in files)
            {
                await File.WriteAllBytesAsync(Path.Combine(making, name), content, ct).ConfigureAwait(false);
            }

            await RunAsync(making, "npm", ct, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error").ConfigureAwait(false);
            await RunAsync(making, "node", ct, "prepare.mjs").ConfigureAwait(false);
            await CopyAsync(making, folder, ct).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(making, recursive: true);
        }

        return folder;
    }

    /// <summary>The temporary folder may be on another file system, so it is copied beside its place and then moved there.</summary>
    private static async Task CopyAsync(string from, string to, CancellationToken ct)
    {
        var beside = to + "." + Environment.ProcessId;
        await RunAsync(Path.GetTempPath(), "cp", ct, "-r", from, beside).ConfigureAwait(false);
        try
        {
            Directory.Move(beside, to);
        }
        catch (IOException) when (Directory.Exists(to))
        {
            // Another process was first; both are the same.
            Directory.Delete(beside, recursive: true);
        }
    }

    private static async Task RunAsync(string folder, string program, CancellationToken ct, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var error = await process.StandardError.ReadToEndAsync(ct).ConfigureAwait(false);
        await process.WaitForExitAsync(ct).ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {arguments.FirstOrDefault()} failed with exit code {process.ExitCode}: {error} {await output.ConfigureAwait(false)}");
        }
    }

    private static byte[] Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("GitHub.Conformance." + name) ?? throw new InvalidOperationException($"{name} is not embedded.");
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        return buffer.ToArray();
    }
}
