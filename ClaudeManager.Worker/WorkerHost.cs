using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Worker.Loops;

namespace ClaudeManager.Worker;

/// <summary>The Worker as a part: its own Program uses it, and so does the all-in-one. It adds loops to a container that has Core's services.</summary>
public static class WorkerHost
{
    public static WebApplicationBuilder AddWorker(this WebApplicationBuilder builder)
    {
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(60));
        builder.Services.AddHostedService(p => p.GetRequiredService<ModelGateway>());
        builder.Services.AddHostedService<HeartbeatLoop>();
        builder.Services.AddHostedService<ReapLoop>();
        builder.Services.AddHostedService<DispatchLoop>();
        builder.Services.AddHostedService<PrepareLoop>();
        builder.Services.AddHostedService<ScanLoop>();
        builder.AddOutbox();
        builder.Services.AddHostedService<ProposalLoop>();
        builder.Services.AddHostedService<OutcomeLoop>();
        builder.Services.AddHostedService<SnoozeLoop>();
        builder.Services.AddHostedService<RetentionLoop>();
        return builder;
    }

    /// <summary>Only what carries out what was decided: for a command that works without a server.</summary>
    public static WebApplicationBuilder AddOutbox(this WebApplicationBuilder builder)
    {
        builder.Services.AddHostedService<OutboxLoop>();
        return builder;
    }
}
