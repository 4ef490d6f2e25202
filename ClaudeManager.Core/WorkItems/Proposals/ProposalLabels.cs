using System.Collections.Concurrent;
using ClaudeManager.Core.GitHub;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>Labels that mean something here. Their names are contracts: people's workflows depend on them.</summary>
public sealed class ProposalLabels(GitHubGateway gateway)
{
    public const string Approved = "approved-for-dev";

    /// <summary>Written by a person.</summary>
    public const string Manual = "manual-task";

    private const string Plain = "ededed";

    /// <summary>Which label asks for which agent; of several the first here.</summary>
    private static readonly (string Label, string Agent)[] s_executors = [("terragon-task", "mention"), ("claude-flow-task", "claude-flow"), ("claude-code-task", "claude-code")];

    private static readonly Dictionary<string, (string Color, string Description)> s_known = new(StringComparer.OrdinalIgnoreCase)
    {
        [GitHubGateway.ProposalLabel] = ("c5def5", "Proposed by Claude Manager"),
        [Approved] = ("0e8a16", "An agent may work on it; set by somebody with write access"),
        [Manual] = ("fbca04", "Written by a person"),
        ["terragon-task"] = ("5319e7", "For an agent that is mentioned"),
        ["claude-flow-task"] = ("5319e7", "For claude-flow"),
        ["claude-code-task"] = ("5319e7", "For claude-code"),
    };

    private readonly ConcurrentDictionary<(RepositoryName Repository, string Label), bool> _ensured = [];

    public static bool Has(IEnumerable<string> labels, string label) => labels.Contains(label, StringComparer.OrdinalIgnoreCase);

    /// <summary>The agent the labels ask for; null when they ask for none.</summary>
    public static string? AgentOf(IReadOnlyCollection<string> labels) => s_executors.FirstOrDefault(e => Has(labels, e.Label)).Agent;

    /// <summary>The label that asks for an agent; null for one without.</summary>
    public static string? LabelOf(string? agent) => s_executors.FirstOrDefault(e => e.Agent == agent).Label;

    /// <summary>These labels, and those people decide by.</summary>
    public static int CountWith(IEnumerable<string> labels) => labels.Union(s_known.Keys, StringComparer.OrdinalIgnoreCase).Count();

    /// <summary>Sees to it that these labels are there, and those people decide by; once in the life of a process.</summary>
    public async Task EnsureAsync(RepositoryName repository, IEnumerable<string> labels, CancellationToken ct)
    {
        foreach (var label in labels.Concat(s_known.Keys).Distinct(StringComparer.OrdinalIgnoreCase).Where(l => !_ensured.ContainsKey((repository, l))))
        {
            var (color, description) = s_known.GetValueOrDefault(label, (Plain, ""));
            await gateway.EnsureLabelAsync(repository, label, color, description, ct).ConfigureAwait(false);
            _ensured[(repository, label)] = true;
        }
    }
}
