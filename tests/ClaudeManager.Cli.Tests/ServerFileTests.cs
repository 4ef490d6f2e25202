using System.Diagnostics;
using System.Runtime.Versioning;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

public sealed class ServerFileTests : IDisposable
{
    private static readonly Uri s_url = new("http://127.0.0.1:8080/");

    private readonly TemporaryDirectory _directory = new();
    private readonly DataDirectory _data;

    public ServerFileTests() => _data = new DataDirectory(_directory.Path);

    [Fact]
    public async Task FindLive_ThisProcess_IsFound()
    {
        await ServerFile.OfThisProcess(s_url).WriteAsync(_data, TestContext.Current.CancellationToken);

        var found = await ServerFile.FindLiveAsync(_data, TestContext.Current.CancellationToken);

        Assert.Equal(Environment.ProcessId, found?.Pid);
        Assert.Equal(s_url, found?.Url);
    }

    [Fact]
    public async Task FindLive_PidOfAnotherProcessNow_IsNothing()
    {
        var file = ServerFile.OfThisProcess(s_url);
        await (file with { StartedAt = file.StartedAt.AddMinutes(-1) }).WriteAsync(_data, TestContext.Current.CancellationToken);

        Assert.Null(await ServerFile.FindLiveAsync(_data, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task FindLive_ProcessHasEnded_IsNothing()
    {
        // It lives until its input ends, so that its start time can be read.
        using var process = Process.Start(new ProcessStartInfo("cat") { RedirectStandardInput = true })!;
        var ended = new ServerFile(process.Id, process.StartTime.ToUniversalTime(), s_url);
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await ended.WriteAsync(_data, TestContext.Current.CancellationToken);

        Assert.Null(await ServerFile.FindLiveAsync(_data, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ \"pid\": ")]
    [InlineData("null")]
    public async Task FindLive_BrokenFile_IsNothing(string content)
    {
        await File.WriteAllTextAsync(_data.ServerFile, content, TestContext.Current.CancellationToken);

        Assert.Null(await ServerFile.FindLiveAsync(_data, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task FindLive_NoFile_IsNothing() => Assert.Null(await ServerFile.FindLiveAsync(_data, TestContext.Current.CancellationToken));

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Write_OnUnix_OnlyTheOwnerReadsIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        await ServerFile.OfThisProcess(s_url).WriteAsync(_data, TestContext.Current.CancellationToken);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_data.ServerFile));
    }

    [Fact]
    public void Lock_HeldByAnother_IsNotGiven()
    {
        using (DataDirectoryLock.TryAcquire(_data))
        {
            Assert.Null(DataDirectoryLock.TryAcquire(_data));
        }

        using var after = DataDirectoryLock.TryAcquire(_data);
        Assert.NotNull(after);
    }

    public void Dispose() => _directory.Dispose();
}
