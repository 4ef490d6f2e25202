using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Scanning.Trees;

internal static class RepositoryAge
{
    /// <summary>Makes the index younger than every file, as it is some time after a checkout: only then does git itself trust the stat data it keeps.</summary>
    public static void Age(TestRepository repository)
    {
        var index = Path.Combine(repository.Path, ".git", "index");
        File.SetLastWriteTimeUtc(index, File.GetLastWriteTimeUtc(index).AddMinutes(1));
    }
}
