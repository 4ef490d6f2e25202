using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

/// <summary>The built program as a process of its own: only there are its assets and its signals what people get.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class StartTests : IAsyncDisposable
{
    // SIGTERM: a shell may have left SIGINT ignored in what it starts in the background.
    private const int Terminate = 15;

    private readonly TemporaryDirectory _directory = new();
    private readonly DataDirectory _data;
    private Process? _process;

    public StartTests() => _data = new DataDirectory(_directory.Combine("data"));

    [Fact]
    public async Task Start_UntilTerminated_ServesEverythingAndLeavesNothingBehind()
    {
        var ct = TestContext.Current.CancellationToken;
        var server = await StartAsync(_directory.Path);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Url };

        Assert.True(server.Url.IsLoopback);
        foreach (var (path, type) in new[]
        {
            ("/", "text/html"), ("/_framework/blazor.web.js", "text/javascript"), ("/_content/MudBlazor/MudBlazor.min.css", "text/css"),
            ("/ClaudeManager.Web.styles.css", "text/css"), ("/api/v1/service", "application/json"), ("/readyz", "text/plain"),
        })
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), ct);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(type, answer.Content.Headers.ContentType?.MediaType);
            Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync(ct));
        }

        // Other commands find it.
        using (var terminal = new RecordedTerminal(_directory.Path))
        {
            Assert.Equal(ExitCode.Ok, await terminal.RunAsync("repos", "list", "--data", _data.Root));
            Assert.Equal(ExitCode.Conflict, await terminal.RunAsync("start", "--data", _data.Root));
            Assert.Equal(ExitCode.Conflict, await terminal.RunAsync("db", "migrate", "--data", _data.Root));
        }

        Assert.Equal(0, Kill(_process!.Id, Terminate));
        await _process.WaitForExitAsync(ct);

        Assert.Equal(ExitCode.Ok, _process.ExitCode);
        Assert.False(File.Exists(_data.ServerFile));
        using var free = DataDirectoryLock.TryAcquire(_data);
        Assert.NotNull(free);
    }

    [Fact]
    public async Task Start_InARepository_RegistersItAndWaitsForAYes()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var repository = await TestRepository.CreateAsync(ct, ("a.py", "# TODO: one\n"));
        var server = await StartAsync(repository.Path);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Url };
        var api = new ManagerApiClient(client);

        Page<RepositoryDto> repositories;
        do
        {
            repositories = await api.ListRepositoriesAsync(0, 10, ct);
        }
        while (repositories.Total == 0);

        var registered = Assert.Single(repositories.Items);
        Assert.Equal(repository.Path, registered.Location);
        Assert.False(registered.Accepted);
    }

    [Fact]
    public async Task Start_PortTaken_SaysSo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        using var terminal = new RecordedTerminal(_directory.Path);

        Assert.Equal(ExitCode.Unavailable, await terminal.RunAsync("start", "--port", $"{port}", "--data", _data.Root));
        Assert.Contains($"{port}", terminal.Error, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process?.Dispose();
        _directory.Dispose();
    }

    private async Task<ServerFile> StartAsync(string workingDirectory)
    {
        var configuration = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)).Name;
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "ClaudeManager.Cli", configuration, "ClaudeManager.Cli"));
        _process = Process.Start(new ProcessStartInfo(program, ["start", "--any-port", "--format", "json", "--data", _data.Root])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = workingDirectory,
        })!;
        var text = "";
        while (await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            text += line;
            if (line == "}")
            {
                return JsonSerializer.Deserialize<ServerFile>(text, ManagerJson.Options)!;
            }
        }

        throw new InvalidOperationException("It ended before it said where it is: " + text);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
