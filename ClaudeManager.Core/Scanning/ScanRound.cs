using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Scanning;

/// <summary>What the scans of one round share, so that GitHub is asked once: how the repositories stand there, and what was ever proposed.</summary>
public sealed class ScanRound : IDisposable
{
    private readonly IReadOnlyDictionary<long, Outcome<GitHubRepositoryState>> _states;
    private readonly Func<CancellationToken, Task<IReadOnlyDictionary<Marker, GitHubIssue>>> _read;
    private readonly SemaphoreSlim _reading = new(1, 1);
    private Outcome<IReadOnlyDictionary<Marker, GitHubIssue>>? _proposals;

    /// <param name="states">By our id of the repository; local ones are not in it.</param>
    /// <param name="read">Lists what was proposed.</param>
    internal ScanRound(IReadOnlyDictionary<long, Outcome<GitHubRepositoryState>> states, Func<CancellationToken, Task<IReadOnlyDictionary<Marker, GitHubIssue>>> read)
        => (_states, _read) = (states, read);

    public Outcome<GitHubRepositoryState>? StateOf(long repositoryId) => _states.TryGetValue(repositoryId, out var state) ? state : default(Outcome<GitHubRepositoryState>?);

    /// <summary>The issues by which something was proposed, read when the first scan needs them. Trouble is told to every scan of the round, and not tried again by each.</summary>
    public async Task<Outcome<IReadOnlyDictionary<Marker, GitHubIssue>>> ProposalsAsync(CancellationToken ct)
    {
        await _reading.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            _proposals ??= new Outcome<IReadOnlyDictionary<Marker, GitHubIssue>>(await _read(ct).ConfigureAwait(false), null);
        }
        catch (ClaudeManagerException fault)
        {
            _proposals = new Refusal(RefusalKind.Unavailable, fault.ErrorCode, fault.Message, fault.Fix) { ClearsAt = fault.ClearsAt };
        }
        finally
        {
            _reading.Release();
        }

        return _proposals.Value;
    }

    public void Dispose() => _reading.Dispose();
}
