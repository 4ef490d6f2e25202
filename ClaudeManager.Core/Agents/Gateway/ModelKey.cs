using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Agents.Gateway;

/// <summary>The key one run uses at the gateway. It opens nothing but the model, nowhere but here, and is void once disposed.</summary>
public sealed class ModelKey : IDisposable
{
    private readonly Action<ModelKey> _revoke;
    private long _limitResetTicks;

    internal ModelKey(RunIdentity run, SecretString secret, Action<ModelKey> revoke)
    {
        Run = run;
        Secret = secret;
        _revoke = revoke;
    }

    public RunIdentity Run { get; }

    public SecretString Secret { get; }

    /// <summary>When the usage limit that refused the newest request resets; null when the newest request was not refused by one.</summary>
    public DateTimeOffset? LimitResetsAt
    {
        get => Interlocked.Read(ref _limitResetTicks) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
        internal set => Interlocked.Exchange(ref _limitResetTicks, value?.UtcTicks ?? 0);
    }

    public void Dispose() => _revoke(this);
}
