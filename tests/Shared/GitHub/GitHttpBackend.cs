using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>git's own CGI program behind HTTP: the smart protocol exactly as git speaks it, hooks included.</summary>
internal static class GitHttpBackend
{
    /// <param name="output">Where the body goes; the status and the headers go to the response at once.</param>
    public static async Task RunAsync(HttpContext http, string gitDirectory, string service, string user, Stream output, CancellationToken ct)
    {
        var start = new ProcessStartInfo("git") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add("http-backend");
        var path = start.Environment.TryGetValue("PATH", out var inherited) ? inherited : null;
        start.Environment.Clear();
        var request = http.Request;
        foreach (var (name, value) in new (string, string?)[]
        {
            ("PATH", path ?? "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_PROJECT_ROOT", Path.GetDirectoryName(gitDirectory)),
            ("GIT_HTTP_EXPORT_ALL", "1"),
            ("PATH_INFO", $"/{Path.GetFileName(gitDirectory)}/{service}"),
            ("REQUEST_METHOD", request.Method),
            ("QUERY_STRING", request.QueryString.Value?.TrimStart('?') ?? ""),
            ("REMOTE_USER", user),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("CONTENT_TYPE", request.ContentType),
            ("CONTENT_LENGTH", request.ContentLength?.ToString(CultureInfo.InvariantCulture)),
            ("HTTP_CONTENT_ENCODING", request.Headers.ContentEncoding),
            ("GIT_PROTOCOL", request.Headers["Git-Protocol"]),
        })
        {
            if (!string.IsNullOrEmpty(value))
            {
                start.Environment[name] = value;
            }
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException("git did not start.");
        try
        {
            var errors = process.StandardError.ReadToEndAsync(ct);
            var input = FeedAsync(request.Body, process.StandardInput.BaseStream, ct);
            var from = process.StandardOutput.BaseStream;
            while (await ReadLineAsync(from, ct).ConfigureAwait(false) is { Length: > 0 } line)
            {
                var (name, value) = line.Split(": ", 2) is [var n, var v] ? (n, v) : throw new InvalidOperationException($"git http-backend wrote '{line}' for a header.");
                if (name == "Status")
                {
                    http.Response.StatusCode = int.Parse(value.AsSpan(0, 3), CultureInfo.InvariantCulture);
                }
                else
                {
                    http.Response.Headers[name] = value;
                }
            }

            await from.CopyToAsync(output, ct).ConfigureAwait(false);
            await input.ConfigureAwait(false);
            await process.WaitForExitAsync(ct).ConfigureAwait(false);
            await errors.ConfigureAwait(false);
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static async Task FeedAsync(Stream body, Stream input, CancellationToken ct)
    {
        try
        {
            await using (input.ConfigureAwait(false))
            {
                await body.CopyToAsync(input, ct).ConfigureAwait(false);
            }
        }
        catch (IOException)
        {
            // git has heard enough; its answer says why.
        }
    }

    private static async Task<string?> ReadLineAsync(Stream stream, CancellationToken ct)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (await stream.ReadAsync(one, ct).ConfigureAwait(false) == 1)
        {
            if (one[0] == '\n')
            {
                return Encoding.ASCII.GetString([.. line]).TrimEnd('\r');
            }

            line.Add(one[0]);
        }

        return null;
    }
}
