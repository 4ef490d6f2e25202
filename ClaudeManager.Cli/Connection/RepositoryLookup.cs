using System.Globalization;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Connection;

/// <summary>Finds the repository somebody means by a name, an id or a path.</summary>
internal static class RepositoryLookup
{
    private const int PageSize = 100;

    public static async Task<RepositoryDto> FindRepositoryAsync(this ManagerApiClient api, string text, string workingDirectory, CancellationToken ct)
        => await api.TryFindRepositoryAsync(text, workingDirectory, ct).ConfigureAwait(false)
            ?? throw new CommandFailedException(ExitCode.NotFound, $"No repository \"{text}\" is registered. `claude-manager repos list` shows those that are; `claude-manager repos add PATH` adds one.");

    public static async Task<RepositoryDto?> TryFindRepositoryAsync(this ManagerApiClient api, string text, string workingDirectory, CancellationToken ct)
    {
        var all = await api.ListAllRepositoriesAsync(ct).ConfigureAwait(false);
        var byName = all.Where(repository => repository.Name == text).ToList();
        if (byName.Count > 1)
        {
            throw new CommandFailedException(ExitCode.Usage, $"\"{text}\" is the name of {byName.Count} repositories; say the path or one of the ids {string.Join(", ", byName.Select(repository => repository.Id))}.");
        }

        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(text, workingDirectory));
        return byName.SingleOrDefault()
            ?? all.FirstOrDefault(repository => repository.Id.ToString(CultureInfo.InvariantCulture) == text)
            ?? all.FirstOrDefault(repository => repository.Kind == RepositoryKind.GitHub && repository.Location.Equals(text, StringComparison.OrdinalIgnoreCase))
            ?? all.FirstOrDefault(repository => repository.Kind == RepositoryKind.Local && Path.TrimEndingDirectorySeparator(repository.Location) == path);
    }

    public static async Task<IReadOnlyList<RepositoryDto>> ListAllRepositoriesAsync(this ManagerApiClient api, CancellationToken ct)
    {
        var all = new List<RepositoryDto>();
        while (true)
        {
            var page = await api.ListRepositoriesAsync(all.Count, PageSize, ct).ConfigureAwait(false);
            all.AddRange(page.Items);
            if (page.Items.Count == 0 || all.Count >= page.Total)
            {
                return all;
            }
        }
    }
}
