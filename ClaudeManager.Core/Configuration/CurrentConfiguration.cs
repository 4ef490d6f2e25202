namespace ClaudeManager.Core.Configuration;

/// <summary>Holds the version in force. A swap is one reference write, so a reader sees the old or the new version, never a mixture.</summary>
public sealed class CurrentConfiguration(ManagerConfiguration initial)
{
    private volatile ManagerConfiguration _value = initial;

    public ManagerConfiguration Value => _value;

    public void Swap(ManagerConfiguration next) => _value = next;
}
