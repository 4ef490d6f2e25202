using System.Runtime.Versioning;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Publishing;

[UnsupportedOSPlatform("windows")]
public sealed class DiffGateTests
{
    private const string AwsKey = "AKIA" + "IOSFODNN7EXAMPLE";

    private static readonly ApprovalsConfiguration s_limits = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_OrdinaryChange_Passes()
    {
        var gate = await CheckAsync(r => r.Write("src/a.cs", "class A { }\n").Write("src/new.cs", "class New { }\n").Delete("src/b.cs"));
        Assert.True(gate.Passed, string.Join("; ", gate.Hits));
    }

    [Fact]
    public async Task Check_SecretInAnAddedLine_IsHitWithItsLineAndWithoutItsValue()
    {
        var gate = await CheckAsync(r => r.Write("src/a.cs", $"// one\n// two\nvar key = \"{AwsKey}\";\n"));
        var hit = Assert.Single(gate.Hits);
        Assert.Equal(("secret", "src/a.cs", 3), (hit.Rule, hit.Path, hit.Line));
        Assert.Contains("AWS access key", hit.Why, StringComparison.Ordinal);
        Assert.DoesNotContain(AwsKey, gate.ToString() + hit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_SecretThatWasThereBeforeOrIsRemoved_IsNoHit()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("a.txt", $"{AwsKey}\nkept\n"), ("b.txt", $"{AwsKey}\n"));
        var gate = await CheckAsync(repository, r => r.Write("a.txt", $"{AwsKey}\nchanged\n").Write("b.txt", "removed\n"));
        Assert.True(gate.Passed, string.Join("; ", gate.Hits));
    }

    [Fact]
    public async Task Check_SecretInAFileName_IsHitAndMasked()
    {
        var gate = await CheckAsync(r => r.Write($"src/{AwsKey}.txt", "x\n"));
        var hit = Assert.Single(gate.Hits);
        Assert.Equal(("secret", "src/***.txt"), (hit.Rule, hit.Path));
    }

    [Fact]
    public async Task Check_PrivateKeyOverSeveralLines_IsOneHitAtItsFirstLine()
    {
        var gate = await CheckAsync(r => r.Write("key.txt", "intro\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"));
        var hit = Assert.Single(gate.Hits);
        Assert.Equal(("secret", 2), (hit.Rule, hit.Line));
    }

    [Theory]
    [InlineData(".github/workflows/ci.yml")]
    [InlineData(".GitHub/workflows/ci.yml")]
    [InlineData("CODEOWNERS")]
    [InlineData("docs/CODEOWNERS")]
    [InlineData("sub/dir/CLAUDE.md")]
    [InlineData(".claude/settings.json")]
    [InlineData(".mcp.json")]
    [InlineData("deep/.gitattributes")]
    [InlineData("Jenkinsfile")]
    public async Task Check_ProtectedPath_IsHit(string path)
    {
        var gate = await CheckAsync(r => r.Write(path, "x\n"));
        Assert.Contains(gate.Hits, h => h.Rule == "protected_path" && h.Path == path);
    }

    [Theory]
    [InlineData("src/github/workflows.cs")]
    [InlineData("docs/CODEOWNERS.txt")]
    [InlineData("src/claude.cs")]
    public async Task Check_PathThatOnlyLooksProtected_Passes(string path) => Assert.True((await CheckAsync(r => r.Write(path, "x\n"))).Passed);

    [Fact]
    public async Task Check_ProtectedFileDeletedOrMovedAway_IsHit()
    {
        var workflow = string.Concat(Enumerable.Range(0, 20).Select(i => $"step: {i}\n"));
        await using var repository = await TestRepository.CreateAsync(Token, (".github/workflows/a.yml", workflow), (".github/workflows/b.yml", "on: push\n"));
        var gate = await CheckAsync(repository, r => r.Move(".github/workflows/a.yml", "notes/a.yml").Delete(".github/workflows/b.yml"));
        Assert.Equal([".github/workflows/a.yml moved away", ".github/workflows/b.yml deleted"], gate.Hits.Select(h => $"{h.Path} {h.Why.TrimEnd('.').Split(" and ")[^1]}").Order());
    }

    [Fact]
    public async Task Check_TooManyLinesOrFiles_IsHit()
    {
        var lines = await CheckAsync(r => r.Write("src/a.cs", string.Concat(Enumerable.Repeat("x\n", s_limits.MaxDiffLines + 1))));
        Assert.Equal("size", Assert.Single(lines.Hits).Rule);
        var files = await CheckAsync(r =>
        {
            for (var i = 0; i <= s_limits.MaxDiffFiles; i++)
            {
                r.Write($"f{i}", "x\n");
            }
        });
        Assert.Equal("size", Assert.Single(files.Hits).Rule);
    }

    [Fact]
    public void Check_PatchNotReadToItsEnd_IsHit()
        => Assert.Equal("size", Assert.Single(DiffGate.Check(new Diff([], Complete: false), s_limits).Hits).Rule);

    [Fact]
    public async Task Check_Binary_IsHit() => Assert.Equal("binary", Assert.Single((await CheckAsync(r => r.Write("x.dll", [0x4D, 0x5A, 0, 1]))).Hits).Rule);

    [Theory]
    [InlineData("../a.cs", false)]
    [InlineData("../../etc/passwd", true)]
    [InlineData("/etc/passwd", true)]
    [InlineData("x/../../../y", true)]
    public async Task Check_Link_IsHitAndSaysWhereItLeads(string target, bool outside)
    {
        var hit = Assert.Single((await CheckAsync(r => r.Link("src/link", target))).Hits);
        Assert.Equal("symlink", hit.Rule);
        Assert.Equal(outside, hit.Why.Contains("outside", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_FileTurnedIntoALink_IsHit() => Assert.Contains((await CheckAsync(r => r.Delete("src/a.cs").Link("src/a.cs", "b.cs"))).Hits, h => h.Rule == "symlink");

    [Fact]
    public async Task Check_Submodule_IsHit()
    {
        var hit = Assert.Single((await CheckRawAsync(("160000", "sub"u8.ToArray(), "1111111111111111111111111111111111111111"u8.ToArray()))).Hits);
        Assert.Equal(("nested_git", "sub"), (hit.Rule, hit.Path));
    }

    [Theory]
    [InlineData(".GIT")]
    [InlineData("git~1")]
    [InlineData(".git ")]
    [InlineData(".git.")]
    [InlineData(".git::$INDEX_ALLOCATION")]
    [InlineData(".g\u200dit")]
    public async Task Check_NameThatAFileSystemTakesForGit_IsHit(string name)
        => Assert.Contains((await CheckRawAsync(("100644", Encoding.UTF8.GetBytes(name), "x\n"u8.ToArray()))).Hits, h => h.Rule == "nested_git");

    [Fact]
    public async Task Check_NameThatLeadsOut_IsHit()
        => Assert.Contains((await CheckRawAsync(("100644", @"..\..\x"u8.ToArray(), "x\n"u8.ToArray()))).Hits, h => h.Rule == "outside_workspace");

    [Fact]
    public async Task Check_NestedRepositoryOfTheWorkspace_IsHit()
        => Assert.Equal("nested_git", Assert.Single((await CheckAsync(r => r.Write("src/a.cs", "x\n"), "vendor/lib")).Hits).Rule);

    [Fact]
    public async Task Check_ExistingFileMadeExecutable_IsHitButANewScriptIsNot()
    {
        var gate = await CheckAsync(r =>
        {
            r.Write("new.sh", "#!/bin/sh\n");
            File.SetUnixFileMode(Path.Combine(r.Path, "new.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.SetUnixFileMode(Path.Combine(r.Path, "src/a.cs"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        });
        var hit = Assert.Single(gate.Hits);
        Assert.Equal(("mode", "src/a.cs"), (hit.Rule, hit.Path));
    }

    [Fact]
    public void Check_ThousandsOfHits_AreListedUpToABound()
    {
        var files = Enumerable.Range(0, 5000).Select(i => new DiffFile($"{i}.bin", null, 'A', 0, DiffFile.ModeFile, 0, 0, true, null)).ToList();
        var gate = DiffGate.Check(new Diff(files, true), s_limits);
        Assert.InRange(gate.Hits.Count, 100, 300);
        Assert.Contains("more hits", gate.Hits[^1].Why, StringComparison.Ordinal);
    }

    private static async Task<DiffGateDto> CheckAsync(Action<TestRepository> change, params string[] nested)
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("src/a.cs", "class A;\n"), ("src/b.cs", "class B;\n"));
        return await CheckAsync(repository, change, nested);
    }

    private static async Task<DiffGateDto> CheckAsync(TestRepository repository, Action<TestRepository> change, params string[] nested)
    {
        var before = await repository.HeadAsync(Token);
        change(repository);
        var diff = await DiffReader.ReadAsync(repository.Path, before, await repository.CommitAsync("After", Token), Token);
        return DiffGate.Check(diff, s_limits, nested);
    }

    private static async Task<DiffGateDto> CheckRawAsync((string Mode, byte[] Name, byte[] Content) entry)
    {
        await using var repository = await TestRepository.CreateAsync(Token);
        var before = await repository.CommitRawAsync(Token);
        return DiffGate.Check(await DiffReader.ReadAsync(repository.Path, before, await repository.CommitRawAsync(Token, "main", entry), Token), s_limits);
    }
}
