namespace ClaudeManager.Core.Operations;

/// <summary>The closed list of operations: endpoints, commands and loops refer to it, and nothing runs that is not in it.</summary>
public static class OperationCatalog
{
    private static readonly Dictionary<string, OperationDescriptor> s_all = new(StringComparer.Ordinal);

    public static readonly OperationDescriptor GetService = Read("service.get");
    public static readonly OperationDescriptor GetOverview = Read("overview.get");
    public static readonly OperationDescriptor ListInstances = Read("instances.list");
    public static readonly OperationDescriptor ReadEvents = Read("events.read");

    public static readonly OperationDescriptor GetDatabaseStatus = Read("database.status");
    public static readonly OperationDescriptor MigrateDatabase = Change("database.migrate", Permissions.Administer);
    public static readonly OperationDescriptor UnlockDatabase = Change("database.unlock", Permissions.Administer);

    public static readonly OperationDescriptor ListRepositories = Read("repositories.list");
    public static readonly OperationDescriptor GetRepository = Read("repositories.get");
    public static readonly OperationDescriptor AddRepository = Change("repositories.add", Permissions.Operate);
    public static readonly OperationDescriptor AddSampleRepository = Change("repositories.add_sample", Permissions.Operate);
    public static readonly OperationDescriptor RemoveRepository = Change("repositories.remove", Permissions.Operate);
    public static readonly OperationDescriptor AcceptRepository = Change("repositories.accept", Permissions.Operate);
    public static readonly OperationDescriptor PreviewRepository = Heavy("repositories.preview", Permissions.Read);

    // Reads a folder somebody names, so it is more than looking at what the service has.
    public static readonly OperationDescriptor PreviewPath = Heavy("repositories.preview_path", Permissions.Operate);
    public static readonly OperationDescriptor ScanRepository = Heavy("repositories.scan", Permissions.Operate);
    public static readonly OperationDescriptor ScanAllRepositories = Heavy("repositories.scan_all", Permissions.Operate);

    public static readonly OperationDescriptor ListWorkItems = Read("work_items.list");
    public static readonly OperationDescriptor GetWorkItem = Read("work_items.get");
    public static readonly OperationDescriptor ExplainWorkItem = Read("work_items.explain");
    public static readonly OperationDescriptor PreviewApproval = Read("work_items.preview_approval");
    public static readonly OperationDescriptor PreviewApprovals = Read("work_items.preview_approvals");
    public static readonly OperationDescriptor NewWorkItem = Change("work_items.new", Permissions.Operate);
    public static readonly OperationDescriptor TakeIssue = Change("work_items.take_issue", Permissions.Operate);
    public static readonly OperationDescriptor Approve = Change("work_items.approve", Permissions.Approve);
    public static readonly OperationDescriptor ApproveMany = Change("work_items.approve_many", Permissions.Approve);
    public static readonly OperationDescriptor WithdrawApproval = Change("work_items.withdraw", Permissions.Approve);
    public static readonly OperationDescriptor Reject = Change("work_items.reject", Permissions.Approve);
    public static readonly OperationDescriptor RejectMany = Change("work_items.reject_many", Permissions.Approve);
    public static readonly OperationDescriptor Snooze = Change("work_items.snooze", Permissions.Operate);
    public static readonly OperationDescriptor SnoozeMany = Change("work_items.snooze_many", Permissions.Operate);
    public static readonly OperationDescriptor Pin = Change("work_items.pin", Permissions.Operate);
    public static readonly OperationDescriptor OverrideScore = Change("work_items.override_score", Permissions.Operate);
    public static readonly OperationDescriptor Reopen = Change("work_items.reopen", Permissions.Operate);

    public static readonly OperationDescriptor ListRuns = Read("runs.list");
    public static readonly OperationDescriptor GetRun = Read("runs.get");
    public static readonly OperationDescriptor ReadRunEvents = Read("runs.events");
    public static readonly OperationDescriptor GetPatch = Read("runs.patch");
    public static readonly OperationDescriptor CancelRun = Change("runs.cancel", Permissions.Operate);
    public static readonly OperationDescriptor RetryRun = Change("runs.retry", Permissions.Operate);
    public static readonly OperationDescriptor ResumeRun = Change("runs.resume", Permissions.Operate);
    public static readonly OperationDescriptor LiftDiffBlock = Change("runs.lift_block", Permissions.Approve);

    public static readonly OperationDescriptor GetOutbox = Read("outbox.get");
    public static readonly OperationDescriptor RetryOutbox = Change("outbox.retry", Permissions.Operate);

    public static readonly OperationDescriptor GetFleet = Read("fleet.get");
    public static readonly OperationDescriptor IsolateBreaker = Change("breakers.isolate", Permissions.Operate);
    public static readonly OperationDescriptor ResetBreaker = Change("breakers.reset", Permissions.Operate);

    public static readonly OperationDescriptor ListBlocks = Read("blocks.list");
    public static readonly OperationDescriptor LiftBlock = Change("blocks.lift", Permissions.Administer);

    // What the product does by itself.
    public static readonly OperationDescriptor Beat = Work("instances.heartbeat");
    public static readonly OperationDescriptor BlockClient = Work("blocks.block");
    public static readonly OperationDescriptor RefreshBlocks = Work("blocks.read");
    public static readonly OperationDescriptor DispatchRuns = Work("runs.dispatch");
    public static readonly OperationDescriptor ExecuteRun = Work("runs.execute");
    public static readonly OperationDescriptor ReapRuns = Work("runs.reap");
    public static readonly OperationDescriptor PrepareWorkspaces = Work("workspaces.prepare");
    public static readonly OperationDescriptor DispatchScans = Work("scans.dispatch");
    public static readonly OperationDescriptor ScanDue = Work("scans.scan");
    public static readonly OperationDescriptor DispatchOutbox = Work("outbox.dispatch");
    public static readonly OperationDescriptor PollProposals = Work("proposals.poll");
    public static readonly OperationDescriptor PollOutcomes = Work("outcomes.poll");
    public static readonly OperationDescriptor WakeWorkItems = Work("work_items.wake");
    public static readonly OperationDescriptor RetainStore = Work("store.retain");

    public static IReadOnlyCollection<OperationDescriptor> All => s_all.Values;

    private static OperationDescriptor Read(string name) => Add(new OperationDescriptor(name, Permissions.Read, OperationClass.Read));

    private static OperationDescriptor Change(string name, Permissions needs) => Add(new OperationDescriptor(name, needs, OperationClass.Change));

    private static OperationDescriptor Heavy(string name, Permissions needs) => Add(new OperationDescriptor(name, needs, OperationClass.Heavy));

    private static OperationDescriptor Work(string name) => Add(new OperationDescriptor(name, Permissions.Work, OperationClass.Change));

    private static OperationDescriptor Add(OperationDescriptor operation)
    {
        s_all.Add(operation.Name, operation);
        return operation;
    }
}
