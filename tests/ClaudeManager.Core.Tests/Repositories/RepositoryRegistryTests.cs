using System.Diagnostics;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Tests.Scanning;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Repositories;

public sealed class RepositoryRegistryTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_TheSameRepositoryByAnotherPath_IsTheSame()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("src/a.c", "int a;\n"));
        repository.Link("../other", repository.Path);

        var first = await ground.AddAsync(repository, Ct);
        var rows = await ground.CountRowsAsync(Ct);
        var second = await ground.Registry.AddAsync(ground.Operation, new AddRepositoryRequest(Path.Combine(Path.GetDirectoryName(repository.Path)!, "other", "src"), Propose: true), Ct);

        Assert.Equal(first, second.Value?.Id);
        Assert.Equal(rows, await ground.CountRowsAsync(Ct));
        Assert.Equal(1, (await ground.Registry.ListAsync(0, 10, Ct)).Total);
    }

    [Fact]
    public async Task Add_NotARepository_IsRefused()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        using var directory = new TemporaryDirectory();

        var refused = await ground.Registry.AddAsync(ground.Operation, new AddRepositoryRequest(directory.Path), Ct);

        Assert.Equal(("not_a_repository", "path"), (refused.Refusal?.Code, refused.Refusal?.Field));
    }

    [Fact]
    public async Task Remove_ThenAddAgain_BringsBackWhatWasKnown()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "// TODO: one\n"));
        var id = await ground.AddAsync(repository, Ct);
        await ground.ScanAsync(id, Ct);

        Assert.Null(await ground.Registry.RemoveAsync(ground.Operation, id, Ct));
        Assert.Equal(0, (await ground.Registry.ListAsync(0, 10, Ct)).Total);
        Assert.Equal("not_found", (await ground.Registry.GetAsync(id, Ct)).Refusal?.Code);
        Assert.Equal("not_found", (await ground.Registry.RemoveAsync(ground.Operation, id, Ct))?.Code);

        Assert.Equal(id, await ground.AddAsync(repository, Ct));
        Assert.Equal(1, (await ground.Registry.GetAsync(id, Ct)).Value!.OpenWorkItems);
    }

    [Fact]
    public async Task Sample_AddedTwice_IsOneRepositoryWithThreeProposals()
    {
        await using var ground = await ScanGround.CreateAsync(Ct);

        var first = (await ground.Registry.AddSampleAsync(ground.Operation, Ct)).Value!;
        var scanned = await ground.ScanAsync(first.Id, Ct);
        var second = (await ground.Registry.AddSampleAsync(ground.Operation, Ct)).Value!;

        Assert.True(first.IsSample);
        Assert.Equal((3, 3), (scanned.Found, scanned.Proposed));
        Assert.Equal(first.Id, second.Id);
    }

    [Theory]
    [InlineData("src/greet.sh")]
    [InlineData("src/total.sh")]
    [InlineData("src/slug.sh")]
    public async Task SampleAgent_GivenATask_ResolvesItForRealAndAddsATest(string file)
    {
        await using var ground = await ScanGround.CreateAsync(Ct);
        using var directory = new TemporaryDirectory();
        var path = directory.Combine("sample");
        await SampleRepository.CreateAsync(path, Ct);
        var before = await RunAsync(path, "", [.. SampleRepository.Verify.Single()]);

        var agent = await RunAsync(path, $"# Task\n\n- File: `{file}`\n- Line: `3`\n", [SampleRepository.Agent.Program, .. SampleRepository.Agent.Args]);

        var after = await RunAsync(path, "", [.. SampleRepository.Verify.Single()]);
        Assert.Equal((0, 0, 0), (before.ExitCode, agent.ExitCode, after.ExitCode));
        Assert.Equal(Tests(before.Output) + 1, Tests(after.Output));
        var source = await File.ReadAllTextAsync(Path.Combine(path, file), Ct);
        Assert.DoesNotContain("TODO", source, StringComparison.Ordinal);
        Assert.DoesNotContain("FIXME", source, StringComparison.Ordinal);

        static int Tests(string output) => output.Split('\n').Count(l => l.StartsWith("ok ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SampleAgent_GivenAnotherTask_FailsInsteadOfPretending()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.Combine("sample");
        await SampleRepository.CreateAsync(path, Ct);

        Assert.Equal(1, (await RunAsync(path, "Do something.", [SampleRepository.Agent.Program, .. SampleRepository.Agent.Args])).ExitCode);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string directory, string input, string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = directory, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await process.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(input), Ct);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        return (process.ExitCode, output);
    }
}
