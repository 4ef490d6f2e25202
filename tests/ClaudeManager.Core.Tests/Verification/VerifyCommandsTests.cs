using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Verification;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Verification;

public sealed class VerifyCommandsTests
{
    private const string TestProject = "<Project Sdk=\"Microsoft.NET.Sdk\"><ItemGroup><PackageReference Include=\"xunit.v3\" /></ItemGroup></Project>";
    private const string Platform = "{ \"test\": { \"runner\": \"Microsoft.Testing.Platform\" } }";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string[], string> Trees => new()
    {
        { "solution", ["A.sln", "", "tests/A.Tests/A.Tests.csproj", TestProject], "dotnet test A.sln" },
        { "slnx and testing platform", ["A.slnx", "", "t/T.csproj", TestProject, "global.json", Platform], "dotnet test --solution A.slnx" },
        { "test packages in shared props", ["A.sln", "", "tests/T.csproj", "<Project/>", "tests/Directory.Build.props", TestProject], "dotnet test A.sln" },
        { "test project without solution", ["src/A.csproj", "<Project/>", "tests/T.csproj", TestProject], "dotnet test tests/T.csproj" },
        { "several solutions", ["B.sln", "", "A.sln", "", "T.csproj", TestProject], "dotnet test A.sln" },
        { "solution without tests", ["A.sln", "", "src/A.csproj", "<Project/>"], "" },
        { "npm", ["package.json", "{ \"scripts\": { \"test\": \"node --test\" } }"], "npm test" },
        { "npm without tests", ["package.json", "{ \"scripts\": { \"test\": \"echo \\\"Error: no test specified\\\" && exit 1\" } }"], "" },
        { "npm without scripts", ["package.json", "{ \"scripts\": [] }"], "" },
        { "broken package.json", ["package.json", "{ nonsense"], "" },
        { "package.json that is a list", ["package.json", "[]"], "" },
        { "nested package.json is not the repository's", ["site/package.json", "{ \"scripts\": { \"test\": \"x\" } }"], "" },
        { "pytest by files", ["pkg/test_a.py", ""], "pytest" },
        { "pytest by pyproject", ["pyproject.toml", "[tool.pytest.ini_options]\n"], "pytest" },
        { "python without tests", ["pyproject.toml", "[project]\n", "latest.py", ""], "" },
        { "go", ["go.mod", "module x", "a/a_test.go", ""], "go test ./..." },
        { "go without tests", ["go.mod", "module x", "a/a.go", ""], "" },
        { "cargo", ["Cargo.toml", ""], "cargo test" },
        { "make", ["Makefile", "build:\n\tcc x.c\n\ntest: build\n\t./x\n"], "make test" },
        { "make without target", ["Makefile", "test := 1\ntests:\n\t./x\n\ttest: no\n"], "" },
        { "GNUmakefile goes before Makefile", ["GNUmakefile", "all:\n", "Makefile", "test:\n"], "" },
        { "script", ["tests/run.sh", "#!/bin/sh\n", "Makefile", "test:\n\tsh tests/run.sh\n"], "sh tests/run.sh" },
        { "bash script", ["test.sh", "#!/usr/bin/env bash\n"], "bash test.sh" },
        { "a language's own way goes before make", ["Makefile", "test:\n", "Cargo.toml", ""], "cargo test" },
        { "two languages", ["Cargo.toml", "", "package.json", "{ \"scripts\": { \"test\": \"x\" } }"], "npm test; cargo test" },
        { "nothing", ["README.md", "hello"], "" },
    };

    [Theory]
    [MemberData(nameof(Trees))]
    public async Task ResolveAsync_Tree_GivesItsCommands(string name, string[] files, string expected)
    {
        await using var repository = await TestRepository.CreateAsync(Token, [.. files.Chunk(2).Select(f => (f[0], f[1]))]);
        var plan = await VerifyCommands.ResolveAsync(new ExecutorConfiguration(), "x", repository.Path, await repository.HeadAsync(Token), Token);
        Assert.Equal((name, expected), (name, string.Join("; ", plan.Checks.Select(c => string.Join(' ', c)))));
        Assert.Equal(expected.Length == 0 ? VerifyPlan.None : VerifyPlan.Detected, plan.Source);
        Assert.NotEmpty(plan.Why);
    }

    [Fact]
    public async Task ResolveAsync_FilesAddedLater_DoNotCount()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("Makefile", "test:\n\t./real\n"));
        var approved = await repository.HeadAsync(Token);
        await repository.Delete("Makefile").Write("package.json", "{ \"scripts\": { \"test\": \"true\" } }").CommitAsync("Agent", Token);
        repository.Write("Cargo.toml", "");
        var plan = await VerifyCommands.ResolveAsync(new ExecutorConfiguration(), "x", repository.Path, approved, Token);
        Assert.Equal(["make", "test"], Assert.Single(plan.Checks));
    }

    [Fact]
    public async Task ResolveAsync_Configured_GoesByNameThenByStarAndBeforeDetection()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("Cargo.toml", ""));
        var head = await repository.HeadAsync(Token);
        var executor = new ExecutorConfiguration
        {
            Verify = new Dictionary<string, IReadOnlyList<IReadOnlyList<string>>> { ["mine"] = [["just", "check"]], ["*"] = [["./ci"]], ["quiet"] = [] },
        };
        Assert.Equal(["just", "check"], (await VerifyCommands.ResolveAsync(executor, "mine", repository.Path, head, Token)).Checks[0]);
        var other = await VerifyCommands.ResolveAsync(executor, "other", repository.Path, head, Token);
        Assert.Equal(("./ci", VerifyPlan.Configured), (other.Checks[0][0], other.Source));
        Assert.Equal(VerifyPlan.None, (await VerifyCommands.ResolveAsync(executor, "quiet", repository.Path, head, Token)).Source);
    }

    [Fact]
    public async Task ResolveAsync_LinkInPlaceOfABuildFile_IsNoBuildFile()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("real", "test:\n\ttrue\n"));
        var head = await repository.Link("Makefile", "test: real").CommitAsync("Link", Token);
        Assert.Equal(VerifyPlan.None, (await VerifyCommands.ResolveAsync(new ExecutorConfiguration(), "x", repository.Path, head, Token)).Source);
    }
}
