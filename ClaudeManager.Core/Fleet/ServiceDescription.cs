using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;

namespace ClaudeManager.Core.Fleet;

/// <summary>What runs here, in one record.</summary>
public sealed class ServiceDescription(InstanceIdentity identity, StoreTarget target, CurrentConfiguration configuration)
{
    public ServiceInfoDto Describe() => new(
        identity.Version,
        identity.BootId,
        target is StoreTarget.Sqlite ? "embedded" : "distributed",
        target is StoreTarget.Sqlite ? "sqlite" : "postgresql",
        configuration.Value.Environment,
        configuration.Value.Generation,
        identity.StartedAt);
}
