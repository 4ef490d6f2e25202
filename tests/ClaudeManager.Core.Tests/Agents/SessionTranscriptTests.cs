using System.Diagnostics;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Agents;

public sealed class SessionTranscriptTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Redactor _redactor = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string File => _directory.Combine("session.jsonl");

    [Fact]
    public async Task ReadAsync_WrittenBackElsewhere_HasEveryWholeLineWithoutItsSecrets()
    {
        _redactor.Learn(new SecretString("the-database-password"));
        await System.IO.File.WriteAllTextAsync(File, "{\"a\":\"it is the-database-password\"}\nno json\n\n{\"b\":\"ü\"}\n{\"half\":", Ct);

        var (content, problem) = await SessionTranscript.ReadAsync(File, _redactor, 1000, Ct);
        var elsewhere = _directory.Combine("some/where/session.jsonl");
        await SessionTranscript.WriteAsync(elsewhere, content!, Ct);

        Assert.Null(problem);
        Assert.Equal("{\"a\":\"it is ***\"}\n{\"b\":\"ü\"}\n", await System.IO.File.ReadAllTextAsync(elsewhere, Ct));
    }

    [Fact]
    public async Task ReadAsync_LinkToAnotherFile_ReadsNothing()
    {
        await System.IO.File.WriteAllTextAsync(_directory.Combine("private"), "{\"key\":1}\n", Ct);
        System.IO.File.CreateSymbolicLink(File, _directory.Combine("private"));

        Assert.Equal((null, null), await SessionTranscript.ReadAsync(File, _redactor, 1000, Ct));
    }

    [Fact]
    public async Task ReadAsync_PipeNobodyWritesTo_DoesNotWait()
    {
        using var made = Process.Start("mkfifo", [File]);
        await made.WaitForExitAsync(Ct);

        Assert.Equal((null, null), await SessionTranscript.ReadAsync(File, _redactor, 1000, Ct));
    }

    [Fact]
    public async Task ReadAsync_NoFile_IsNothing() => Assert.Equal((null, null), await SessionTranscript.ReadAsync(File, _redactor, 1000, Ct));

    [Fact]
    public async Task ReadAsync_LargerThanAllowed_SaysItStaysHere()
    {
        await System.IO.File.WriteAllTextAsync(File, "\"" + new string('x', 3 * 1024 * 1024) + "\"\n", Ct);

        var (content, problem) = await SessionTranscript.ReadAsync(File, _redactor, 2 * 1024 * 1024, Ct);

        Assert.Null(content);
        Assert.Equal("The agent's session has 3 MB, more than the 2 MB left for it: it is kept on this machine only.", problem);
    }

    [Fact]
    public async Task WriteAsync_SomethingIsThereAlready_IsNotOverwritten()
    {
        await System.IO.File.WriteAllTextAsync(File, "{}\n", Ct);
        var (content, _) = await SessionTranscript.ReadAsync(File, _redactor, 1000, Ct);

        await Assert.ThrowsAsync<IOException>(() => SessionTranscript.WriteAsync(File, content!, Ct));
    }

    public void Dispose() => _directory.Dispose();
}
