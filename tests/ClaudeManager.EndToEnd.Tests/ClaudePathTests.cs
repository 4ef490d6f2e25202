using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Tests.Shared.Models;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>A comment in a person's own repository, the real <c>claude</c>, and a stand-in of the model's API in place of a key.</summary>
public sealed class ClaudePathTests
{
    private const string Key = "sk-ant-e2e-key-that-nobody-may-see";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Todo_ScannedAndApproved_EndsAsAVerifiedBranch(string provider)
    {
        RequireClaude();
        await using var model = await MessagesApi.StartAsync(ModelScenarios.ResolveTodo, ct: Ct);
        await using var repository = await ProjectAsync();
        await using var store = provider == "sqlite" ? null : await TestStore.CreateAsync(provider, Ct);
        if (provider != "sqlite" && store is null)
        {
            Assert.Skip($"No PostgreSQL: name a server in {TestStore.PostgresVariable}.");
        }

        await using var manager = await ManagerProcess.StartAsync(Ct, Environment(model, store?.Target as StoreTarget.Postgres));
        Assert.Equal(provider, (await manager.Api.GetServiceAsync(Ct)).Store);

        var run = await manager.ApproveAsync((await ProposedAsync(manager, repository)).Id, "claude-code", Ct);
        var ended = await manager.WaitForEndAsync(run.Id, Ct);

        Assert.Equal(SandboxLevel.Bwrap, ended.Run.Sandbox);
        Assert.Equal("passed", ended.Receipt!.Verdict);
        Assert.Equal("detected", ended.Receipt.Source);
        Assert.Equal(["make", "test"], Assert.Single(ended.Receipt.After).Command);
        Assert.Equal("gone", ended.Receipt.FindingState);
        Assert.Equal("int one(void)\n{\n    return 1;\n}", await repository.GitAsync(Ct, "show", ended.Run.Branch + ":src/one.c"));
        Assert.Equal("main", await repository.GitAsync(Ct, "symbolic-ref", "--short", "HEAD"));
        Assert.Empty(await repository.GitAsync(Ct, "status", "--porcelain"));

        Assert.NotEmpty(model.Requests);
        Assert.All(model.Requests, request => Assert.Equal(Key, request.Headers["x-api-key"]));
        var events = await manager.Api.GetRunEventsAsync(run.Id, 0, 500, Ct);
        Assert.Contains(events, e => e.Kind == "tool_use");
        Assert.DoesNotContain(events, e => e.Text.Contains(Key, StringComparison.Ordinal) || e.Data?.ToString().Contains(Key, StringComparison.Ordinal) == true);
        await Eventually.SeeAsync(() => string.Join(' ', Directory.GetFileSystemEntries(manager.Data.RunsRoot)), left => left.Length == 0, "no workspace is left", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(manager.Boot));
    }

    [Fact]
    public async Task Kill_WhileClaudeWorks_ResumesItsSession()
    {
        RequireClaude();
        var held = true;
        var never = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(
            request => held && request.Results.Count == 1 ? new ModelTurn.Held(never.Task, ModelTurn.Say("unreachable")) : ModelScenarios.ResolveTodo(request), ct: Ct);
        await using var repository = await ProjectAsync();
        await using var manager = await ManagerProcess.StartAsync(Ct, Environment(model, null));
        var run = await manager.ApproveAsync((await ProposedAsync(manager, repository)).Id, "claude-code", Ct);
        while ((await model.NextRequestAsync(Ct)).Results.Count == 0)
        {
            // Until claude has read the file and waits for what to do next.
        }

        var boot = manager.Boot;
        await manager.KillAsync(Ct);
        held = false;
        await manager.StartAgainAsync(Ct);
        var ended = await manager.WaitForEndAsync(run.Id, Ct);

        Assert.Equal(2, ended.Run.Attempt);
        Assert.Contains(model.Requests, request => request.Prompts.Count > 1);
        Assert.Empty(ManagerProcess.ProcessesOf(boot));
        Assert.Single((await repository.GitAsync(Ct, "for-each-ref", "refs/heads/claude-manager/")).Split('\n'));
    }

    private static Task<TestRepository> ProjectAsync() => TestRepository.CreateAsync(
        Ct,
        ("src/one.c", "int one(void)\n{\n    // TODO: say why it is one\n    return 1;\n}\n"),
        ("Makefile", "test:\n\tgrep -q 'return 1;' src/one.c\n"));

    private static async Task<WorkItemDto> ProposedAsync(ManagerProcess manager, TestRepository repository)
    {
        await manager.Api.AddRepositoryAsync(new AddRepositoryRequest(repository.Path, Propose: true), Ct);
        var overview = await manager.WaitForAsync((api, ct) => api.GetOverviewAsync(ct), o => o.NeedsApproval.Count > 0, "the comment is proposed", Ct);
        return Assert.Single(overview.NeedsApproval);
    }

    private static Dictionary<string, string> Environment(MessagesApi model, StoreTarget.Postgres? postgres)
    {
        var environment = new Dictionary<string, string> { ["ANTHROPIC_BASE_URL"] = model.BaseAddress.ToString(), ["ANTHROPIC_API_KEY"] = Key };
        if (postgres is not null)
        {
            environment["DATABASE_URL"] = postgres.ConnectionString;
        }

        return environment;
    }

    private static void RequireClaude() => Assert.SkipUnless(Programs.Exists("claude"), "No claude on PATH: npm install -g @anthropic-ai/claude-code.");
}
