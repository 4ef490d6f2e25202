using System.Collections.Concurrent;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents;

/// <summary>The agents there are, by name (<c>claude-code</c>, <c>command:NAME</c>), and whether each can work here. A probe starts processes, so its answer is kept for a minute.</summary>
public sealed class AgentCatalog(IEnumerable<IAgentRunner> runners, CurrentConfiguration configuration, TimeProvider time)
{
    /// <summary>The agent that comes with the sample repository and works there only.</summary>
    public const string Sample = "command:sample";

    private static readonly TimeSpan s_keep = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, IAgentRunner> _runners = runners.ToDictionary(r => r.Key);
    private readonly ConcurrentDictionary<(string Name, long Generation), (DateTimeOffset Until, Task<AgentAvailability> Answer)> _answers = new();

    /// <summary>The runner of an agent name; null when there is no such agent.</summary>
    public IAgentRunner? Find(string name) => _runners.GetValueOrDefault(name.Split(':', 2)[0]);

    public async Task<AgentAvailability> ProbeAsync(string name, CancellationToken ct)
    {
        if (Find(name) is not { } runner)
        {
            return new AgentAvailability(null, null, $"There is no agent '{name}'. Known: {string.Join(", ", _runners.Keys.Order(StringComparer.Ordinal))}.");
        }

        var current = configuration.Value;
        var key = (name, current.Generation);
        var now = time.GetUtcNow();
        if (_answers.TryGetValue(key, out var kept) && kept.Until > now && !kept.Answer.IsFaulted)
        {
            return await kept.Answer.WaitAsync(ct).ConfigureAwait(false);
        }

        var answer = runner.ProbeAsync(name, current, CancellationToken.None);
        _answers[key] = (now + s_keep, answer);
        return await answer.WaitAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Every agent an operator can choose.</summary>
    public async Task<IReadOnlyList<AgentOptionDto>> ListAsync(CancellationToken ct)
    {
        string[] names = ["claude-code", .. configuration.Value.Executor.Commands.Keys.Order(StringComparer.Ordinal).Select(c => "command:" + c)];
        var options = new List<AgentOptionDto>();
        foreach (var name in names)
        {
            var found = await ProbeAsync(name, ct).ConfigureAwait(false);
            options.Add(new AgentOptionDto(name, found.Problem is null, found.Version, found.Problem));
        }

        return options;
    }
}
