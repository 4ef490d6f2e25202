using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Worker.Loops;

namespace ClaudeManager.Worker;

/// <summary>The Worker as a part: its own Program uses it, and so does the all-in-one. It adds loops to a container that has Core's services.</summary>
public static class WorkerHost
{
    /// <summary>For agents to end and their work to be saved.</summary>
    private static readonly TimeSpan s_letGo = TimeSpan.FromSeconds(60);

    public static WebApplicationBuilder AddWorker(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<HostOptions>().Configure<CurrentConfiguration>((options, configuration) => options.ShutdownTimeout = configuration.Value.Executor.StopGrace + s_letGo);
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
