using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>Where a proposal belongs, and how its text points there.</summary>
/// <param name="Commit">The scanned one.</param>
public sealed record ProposalPlace(RepositoryEntity Repository, string Commit, GitHubConfiguration GitHub)
{
    /// <summary>A line in the commit, which stays what it was; on GitHub as an address people can follow.</summary>
    /// <param name="line">0 for the whole file.</param>
    public string Link(string path, int line)
    {
        var anchor = line > 0 ? "#L" + line.ToString(CultureInfo.InvariantCulture) : "";
        return Repository.Kind == RepositoryKind.GitHub
            ? $"{GitHubAddress.Of(GitHub.BaseUrl).Web}{Repository.Location}/blob/{Commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}{anchor}"
            : InertText.Code($"{(Commit.Length > 12 ? Commit[..12] : Commit)}:{path}{anchor}");
    }
}
