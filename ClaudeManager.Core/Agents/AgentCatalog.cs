using System.Collections.Concurrent;
using ClaudeManager.Core.Agents.ClaudeFlow;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Agents;

/// <summary>
/// The agents there are, by name (<c>claude-code</c>, <c>command:NAME</c>), and whether each can work here. A probe starts processes, so its answer is kept for a minute,
/// and the old one is given while a new one is on its way: nobody waits for an agent to say its version, but for the very first time.
/// </summary>
public sealed class AgentCatalog(IEnumerable<IAgentRunner> runners, CurrentConfiguration configuration, Redactor redactor, TimeProvider time)
{
    /// <summary>The agent that comes with the sample repository and works there only.</summary>
    public const string Sample = "command:sample";

    private static readonly TimeSpan s_keep = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, IAgentRunner> _runners = runners.ToDictionary(r => r.Key);
    private readonly ConcurrentDictionary<(string Name, long Generation), Probe> _probes = new();

    /// <summary>The runner of an agent name; null when there is no such agent.</summary>
    public IAgentRunner? Find(string name) => _runners.GetValueOrDefault(name.Split(':', 2)[0]);

    /// <summary>What would run under the name; null when it stands for nothing.</summary>
    /// <param name="executor">Null: as configured now.</param>
    public AgentProgramDto? Describe(string name, ExecutorConfiguration? executor = null)
        => Find(name)?.Describe(name, executor ?? configuration.Value.Executor) is { } program
            ? new AgentProgramDto([.. program.Command.Select(redactor.Redact)], [.. program.Environment.Keys.Order(StringComparer.Ordinal)], program.Network, program.TakesTools, program.Sha256())
            : null;

    public async Task<AgentAvailability> ProbeAsync(string name, CancellationToken ct)
    {
        if (Find(name) is not { } runner)
        {
            return new AgentAvailability(null, null, $"There is no agent '{name}'. Known: {string.Join(", ", _runners.Keys.Order(StringComparer.Ordinal))}.");
        }

        var current = configuration.Value;
        var probe = _probes.GetOrAdd((name, current.Generation), _ => new Probe());
        Task<AgentAvailability> newest;
        AgentAvailability? last;
        lock (probe)
        {
            if (probe.Until <= time.GetUtcNow())
            {
                probe.Until = time.GetUtcNow() + s_keep;
                probe.Newest = RefreshAsync(probe, runner, name, current);
            }

            (newest, last) = (probe.Newest!, probe.Last);
        }

        return last ?? await newest.WaitAsync(ct).ConfigureAwait(false);
    }

    private static async Task<AgentAvailability> RefreshAsync(Probe probe, IAgentRunner runner, string name, ManagerConfiguration configuration)
    {
        await Task.Yield();
        AgentAvailability answer;
        try
        {
            answer = await runner.ProbeAsync(name, configuration, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            answer = new AgentAvailability(null, null, $"It could not be tried: {e.Message}");
        }

        lock (probe)
        {
            probe.Last = answer;
        }

        return answer;
    }

    /// <summary>Every agent an operator can choose.</summary>
    public async Task<IReadOnlyList<AgentOptionDto>> ListAsync(CancellationToken ct)
    {
        string[] names = ["claude-code", ClaudeFlowRunner.Name, MentionRunner.Name, .. configuration.Value.Executor.Commands.Keys.Order(StringComparer.Ordinal).Select(c => "command:" + c)];
        var options = new List<AgentOptionDto>();
        foreach (var name in names)
        {
            options.Add(await OptionAsync(name, ct).ConfigureAwait(false));
        }

        return options;
    }

    public async Task<AgentOptionDto> OptionAsync(string name, CancellationToken ct)
    {
        var found = await ProbeAsync(name, ct).ConfigureAwait(false);
        return new AgentOptionDto(name, found.Problem is null, found.Version, found.Problem, Describe(name));
    }

    private sealed class Probe
    {
        public DateTimeOffset Until { get; set; }

        public Task<AgentAvailability>? Newest { get; set; }

        public AgentAvailability? Last { get; set; }
    }
}
