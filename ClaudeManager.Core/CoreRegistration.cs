using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.ClaudeCode;
using ClaudeManager.Core.Agents.ClaudeFlow;
using ClaudeManager.Core.Agents.Command;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Prompts;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.RateLimiting.Inbound;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.Verification;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core;

/// <summary>Everything Api and Worker share, registered once per container.</summary>
public static class CoreRegistration
{
    /// <param name="ownership">Whether the caller holds the exclusive lock of the data directory.</param>
    public static IServiceCollection AddManagerCore(this IServiceCollection services, StartupSettings settings, InstanceIdentity identity, DataDirectoryOwnership ownership)
    {
        var redactor = new Redactor();
        foreach (var secret in settings.KnownSecrets)
        {
            redactor.Learn(secret);
        }

        services.AddSingleton(redactor);
        services.AddSingleton(settings.Data);
        services.AddSingleton(settings.Model);
        services.AddSingleton(new CurrentConfiguration(settings.Configuration));
        services.AddSingleton(identity);
        services.AddSingleton(ownership);
        services.AddSingleton(HostEnvironment.Current());
        services.AddSingleton(p => MasterKey.Load(settings.MasterKey, settings.Data, settings.Configuration.Environment, p.GetRequiredService<ILoggerFactory>().CreateLogger<MasterKey>()));
        services.AddManagerStore(settings.Store);

        services.AddSingleton<Retention>();

        services.AddSingleton<IdempotencyKeys>();
        services.AddSingleton<ClientBlocks>();
        services.AddSingleton<InboundRateLimits>();
        services.AddSingleton<Operation>();
        services.AddSingleton<ErrorTracker>();
        services.AddSingleton<ILoggerProvider, ErrorTrackingLogger>();
        // However quiet the log is set, faults count.
        services.AddLogging(logging => logging.AddFilter<ErrorTrackingLogger>(null, LogLevel.Warning));
        services.AddSingleton<EventFeedReader>();
        services.AddSingleton<InstanceRegistry>();
        services.AddSingleton<InstanceSnapshots>();
        services.AddSingleton<InstanceCommands>();
        services.AddSingleton<ServiceDescription>();

        services.AddResilience();
        services.AddRateLimiting(settings.Configuration.Redis);

        services.AddSingleton<OutboxDispatcher>();
        services.AddSingleton<OutboxReader>();
        services.AddGitHub(settings.GitHubToken);

        services.AddScanners();
        services.AddSingleton<ScanService>();
        services.AddSingleton<ScanSchedule>();
        services.AddSingleton<RepositorySource>();
        services.AddSingleton<RepositoryRegistry>();

        services.AddSingleton<ApprovalSeal>();
        services.AddSingleton<WorkItemService>();
        services.AddSingleton<OverviewReader>();

        services.AddSingleton<ProposalLabels>();
        services.AddSingleton<IOutboxEffect, CreateIssueEffect>();
        services.AddSingleton<IOutboxEffect, UpdateIssueEffect>();
        services.AddSingleton<IOutboxEffect, CloseIssueEffect>();
        services.AddSingleton<IOutboxEffect, ReopenIssueEffect>();
        services.AddSingleton<IOutboxEffect, CommentIssueEffect>();
        services.AddSingleton<LabelApproval>();
        services.AddSingleton<ProposalInbox>();
        services.AddSingleton<ProposalPoll>();
        services.AddSingleton<IssueIntake>();

        services.AddSingleton<Sandbox>();
        services.AddSingleton<ContainedProcess>();
        services.AddSingleton<OrphanReaper>();
        services.AddSingleton<WorkspaceStore>();
        services.AddSingleton(new PromptRenderer(Path.Combine(settings.Data.Root, "prompts")));
        services.AddSingleton(new BuiltInCommands(new Dictionary<string, CommandAgentConfiguration> { [BuiltInCommands.Sample] = SampleRepository.Agent }));
        services.AddSingleton<IAgentRunner, CommandRunner>();
        services.AddSingleton<IAgentRunner, ClaudeCodeRunner>();
        services.AddSingleton<IAgentRunner, ClaudeFlowRunner>();
        services.AddSingleton<IAgentRunner, MentionRunner>();
        services.AddSingleton<AgentCatalog>();
        services.AddSingleton(p => new ModelGateway(
            p.GetRequiredService<ModelCredentials>(), p.GetRequiredService<CurrentConfiguration>(), p.GetRequiredService<UpstreamPipelines>(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<ModelGateway>>()));

        services.AddSingleton<Verifier>();
        services.AddSingleton<FindingPresence>();
        services.AddSingleton<RunQueue>();
        services.AddSingleton<RunService>();
        services.AddSingleton<LeaseKeeper>();
        services.AddSingleton<GitHubPublisher>();
        services.AddSingleton<FollowUps>();
        services.AddSingleton<PullRequestOutcomes>();
        services.AddSingleton<BranchOutcomes>();
        services.AddSingleton<OutcomePoll>();
        services.AddSingleton<RunExecutor>();
        services.AddSingleton<RunRecovery>();
        services.AddSingleton<PreparedWorkspaces>();
        return services;
    }

    /// <summary>What must be right before anything serves or works: the schema, and the key that everything signed in this store needs.</summary>
    public static async Task PrepareManagerAsync(this IServiceProvider services, bool migrate, CancellationToken ct)
    {
        if (migrate)
        {
            await services.GetRequiredService<DatabaseAdministration>().MigrateAsync(ct).ConfigureAwait(false);
        }

        await services.GetRequiredService<MasterKey>().VerifyAsync(services.GetRequiredService<Store>(), ct).ConfigureAwait(false);
    }
}
