using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Cli.Start;

/// <summary>What a newcomer sees first: the repository they started in, or the sample.</summary>
internal static class FirstRepository
{
    public static async Task RegisterAsync(ManagerApiClient api, Invocation invocation, bool sample, IReadOnlyList<string> configured, CancellationToken ct)
    {
        try
        {
            if (sample)
            {
                var repository = await api.AddSampleAsync(ct).ConfigureAwait(false);
                invocation.Output.Say($"The sample repository is in {repository.Location}.");
            }
            else if (configured.Count == 0 && (await api.ListRepositoriesAsync(0, 1, ct).ConfigureAwait(false)).Total == 0)
            {
                await RegisterWorkingDirectoryAsync(api, invocation, ct).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is ManagerApiException or HttpRequestException)
        {
            // The server runs; only this first step did not work, and it can be taken on the dashboard.
            Failure.Report(fault, invocation);
        }
    }

    private static async Task RegisterWorkingDirectoryAsync(ManagerApiClient api, Invocation invocation, CancellationToken ct)
    {
        var opened = await LocalRepository.OpenAsync(invocation.WorkingDirectory, branch: null, ct).ConfigureAwait(false);
        if (opened.Value is not { } local)
        {
            invocation.Output.Say("No repository is registered yet. Add one, or try the sample, on the dashboard.");
            return;
        }

        if (IsOwnSource(local.Path))
        {
            invocation.Output.Say("This is Claude Manager's own source, so it was not registered. Try the sample on the dashboard (or start with --sample), or add a repository of yours.");
            return;
        }

        var repository = await api.AddRepositoryAsync(new AddRepositoryRequest(local.Path), ct).ConfigureAwait(false);
        invocation.Output.Say($"Registered {repository.Name} ({repository.Location}). See on the dashboard what was found, and let it be proposed.");
    }

    private static bool IsOwnSource(string path) => File.Exists(Path.Combine(path, "ClaudeManager.Cli", "ClaudeManager.Cli.csproj"));
}
