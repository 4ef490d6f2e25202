namespace ClaudeManager.Core.Contracts;

/// <summary>A stable name for one kind of trouble: people search for it, programs switch on it.</summary>
public sealed record ErrorCode
{
    internal ErrorCode(string name, FailureClass failure, string meaning, string fix) => (Name, Failure, Meaning, Fix) = (name, failure, meaning, fix);

    /// <summary><c>CMxxxx</c> for faults, words for what the Api refuses.</summary>
    public string Name { get; }

    /// <summary>Decides whether it is tried again.</summary>
    public FailureClass Failure { get; }

    /// <summary>What is wrong, in general; a fault or refusal says in its message what it is about.</summary>
    public string Meaning { get; }

    /// <summary>What to do about it, in general.</summary>
    public string Fix { get; }

    /// <summary>What problem details say besides their standard members (RFC 9457, 3.2).</summary>
    /// <param name="fix">In this case; null: in general.</param>
    public Dictionary<string, object?> ToExtensions(string? fix = null)
        => new(StringComparer.Ordinal) { ["code"] = Name, ["failure"] = ManagerJson.Name(Failure), ["fix"] = fix ?? Fix };

    public override string ToString() => Name;
}

/// <summary>The closed table of codes: faults and refusals take theirs from here, so no other can be used. <c>docs/errors.md</c> is written from it. The rules of the configuration (CM1001 to CM1999) have a table of their own.</summary>
public static class ErrorCodes
{
    private static readonly List<ErrorCode> s_all = [];

    public static readonly ErrorCode ConfigurationInvalid = Of("CM1000", FailureClass.Configuration, "The configuration is not valid, so nothing was started.", "Correct what the report names.");
    public static readonly ErrorCode IdempotencyKeyLost = Of("CM2001", FailureClass.Transient, "The process was away for so long that another one took its request over; nothing was done here.", "Send the request again with the same Idempotency-Key.");
    public static readonly ErrorCode TransactionLost = Of("CM2002", FailureClass.Transient, "The connection to the database broke within a transaction: nothing of it was written.", "It is tried again by itself, or ask again.");
    public static readonly ErrorCode DatabaseUnavailable = Of("CM2003", FailureClass.Transient, "The database does not answer; nothing has changed.", "Try again in a moment.");

    public static readonly ErrorCode MasterKeyMissing = Of("CM4001", FailureClass.Configuration, "There is no master key, and in production none is made up.", "Set CREDENTIAL_ENCRYPTION_KEY to the base64 of 32 random bytes.");
    public static readonly ErrorCode MasterKeyMalformed = Of("CM4002", FailureClass.Configuration, "The master key is not the base64 of 32 bytes.", "Make one with `openssl rand -base64 32`.");
    public static readonly ErrorCode MasterKeyExposed = Of("CM4003", FailureClass.Configuration, "Others can read or write the master key's file.", "`chmod 600` it. If others could have read it, the key is no secret any more.");
    public static readonly ErrorCode MasterKeyOther = Of("CM4004", FailureClass.Configuration, "The store was made with another master key.", "Give the key the store was made with.");
    public static readonly ErrorCode MasterKeyUnreadable = Of("CM4005", FailureClass.Configuration, "The master key's file cannot be read.", "Give it back to the user the program runs as.");

    public static readonly ErrorCode GitFailed = Of("CM5001", FailureClass.Infrastructure, "A git command failed that should not.", "The message has git's own words; look at the repository and the disk.");
    public static readonly ErrorCode ProgramNotStarted = Of("CM5002", FailureClass.Configuration, "A program could not be started.", "Install it, put it on PATH, or correct the command in the configuration.");
    public static readonly ErrorCode PromptTemplateUnusable = Of("CM5003", FailureClass.Configuration, "A template of prompts cannot be used.", "Correct the file the message names.");

    public static readonly ErrorCode WorkNotCollected = Of("CM6001", FailureClass.Infrastructure, "The agent's work could not be collected from its workspace.", "Look at the log of the run and at the disk; then resume the run.");
    public static readonly ErrorCode RunLeaseLost = Of("CM6002", FailureClass.Transient, "Another worker has the run now: this one stopped and wrote nothing.", "Nothing: the run goes on there.");
    public static readonly ErrorCode OutboxLeaseLost = Of("CM6003", FailureClass.Transient, "Another process has the entry of the outbox now; it finds what this one did by its marker.", "Nothing: the effect goes on there.");
    public static readonly ErrorCode PushNotAllowed = Of("CM6101", FailureClass.Configuration, "The credential may not push to the repository.", "Give it write access, then resume the run.");
    public static readonly ErrorCode PublishingUnavailable = Of("CM6102", FailureClass.Transient, "Where the result is to be published cannot be asked now.", "It is tried again by itself.");
    public static readonly ErrorCode PullRequestClosed = Of("CM6103", FailureClass.Policy, "The pull request a run was to go on with is not open any more.", "Reopen the work item if the work is still wanted.");
    public static readonly ErrorCode BranchNamesTaken = Of("CM6104", FailureClass.Policy, "There are too many branches of that name already.", "Delete those that are not needed, then resume the run.");
    public static readonly ErrorCode PublishingRefused = Of("CM6105", FailureClass.Policy, "The result cannot be published in the repository as it stands.", "Do what the message says, then resume the run.");

    public static readonly ErrorCode GitHubUnauthorized = Of("CM7001", FailureClass.Configuration, "GitHub does not take the credential: it is wrong, expired or revoked.", "Give a valid one.");
    public static readonly ErrorCode GitHubForbidden = Of("CM7002", FailureClass.Configuration, "The credential may not do that on GitHub.", "Give it the scope, authorise it for single sign-on, or allow the address.");
    public static readonly ErrorCode GitHubNotFound = Of("CM7003", FailureClass.Policy, "It is not on GitHub, or private to this credential.", "Check the name, and that the credential may read it.");
    public static readonly ErrorCode GitHubGone = Of("CM7004", FailureClass.Policy, "It was deleted on GitHub, or is switched off there.", "Restore it, or remove it here.");
    public static readonly ErrorCode GitHubMoved = Of("CM7005", FailureClass.Policy, "The repository has another name now.", "It is followed by its next scan.");
    public static readonly ErrorCode GitHubRefused = Of("CM7006", FailureClass.Policy, "GitHub does not take the request as it is.", "The message has GitHub's words.");
    public static readonly ErrorCode GitHubLimited = Of("CM7007", FailureClass.Transient, "A limit of GitHub is used up.", "It goes on by itself when the limit resets.");
    public static readonly ErrorCode GitHubUnavailable = Of("CM7008", FailureClass.Transient, "GitHub answered with a fault of its own.", "It is tried again by itself; see githubstatus.com.");
    public static readonly ErrorCode GitHubUnreachable = Of("CM7009", FailureClass.Transient, "GitHub did not answer, or only by half.", "It is tried again by itself; check the network and the proxy.");
    public static readonly ErrorCode GitHubTimedOut = Of("CM7010", FailureClass.Transient, "GitHub did not answer in time.", "It is tried again by itself; see `github.apiTimeout`.");
    public static readonly ErrorCode GitHubMalformed = Of("CM7011", FailureClass.Transient, "What answered was not GitHub, or its answer was damaged.", "Check the proxy and `github.baseUrl`.");
    public static readonly ErrorCode GitHubTokenMissing = Of("CM7020", FailureClass.Configuration, "There is no GitHub token.", "Set GITHUB_TOKEN in the environment of the server and start it again.");
    public static readonly ErrorCode GitHubAppRefused = Of("CM7021", FailureClass.Configuration, "GitHub gives the App no token.", "Check `github.app.appId`, `github.app.installationId` and the key.");
    public static readonly ErrorCode GitHubAppKeyUnreadable = Of("CM7022", FailureClass.Configuration, "The private key of the GitHub App cannot be read.", "Store the PEM file that GitHub gave, whole.");
    public static readonly ErrorCode CertificatesUnreadable = Of("CM7030", FailureClass.Infrastructure, "The certificates of `network.caBundle` cannot be read.", "Give a PEM file with one or more certificates.");
    public static readonly ErrorCode MirrorNotWritable = Of("CM7031", FailureClass.Infrastructure, "The local copy of a repository on GitHub cannot be written.", "Give the server's user the data directory, and the disk room.");
    public static readonly ErrorCode ManagerRepositoryMissing = Of("CM7040", FailureClass.Configuration, "There is no repository in which issues could be filed.", "Set `github.managerRepo` to owner/name.");
    public static readonly ErrorCode IssuesNotPossible = Of("CM7041", FailureClass.Configuration, "No issue can be filed in the repository of `github.managerRepo`.", "Choose one with issues, in which the token may write.");
    public static readonly ErrorCode IssueTooLong = Of("CM7042", FailureClass.Configuration, "An issue has more events than can be read.", "Close it; the work item can be decided on in the dashboard.");
    public static readonly ErrorCode CircuitOpen = Of("CM7050", FailureClass.Transient, "The upstream is not called now: too many calls failed, or an operator isolated it.", "Wait for the next trial, or reset the breaker.");
    public static readonly ErrorCode WriteTooLate = Of("CM7051", FailureClass.Transient, "The process was held up for longer than its lease lasts: nothing was sent.", "It is tried again by itself, from the beginning.");
    public static readonly ErrorCode RegistryFailed = Of("CM7060", FailureClass.Transient, "A package registry did not answer as it should.", "The next scan asks again.");

    public static readonly ErrorCode Unexpected = Of("CM9000", FailureClass.Infrastructure, "A fault nobody expected: a defect of the product, or of what it stands on.", "The log has it under the correlation id; please report it.");

    // What the Api says of any request.
    public static readonly ErrorCode Invalid = Of("invalid", FailureClass.Policy, "A value is not acceptable; `errors` names the field.", "Correct it.");
    public static readonly ErrorCode NotFound = Of("not_found", FailureClass.Policy, "There is no such thing.", "Look at the list for what there is.");
    public static readonly ErrorCode Forbidden = Of("forbidden", FailureClass.Policy, "Whoever asks lacks the permission the operation needs.", "Ask somebody who has it.");
    public static readonly ErrorCode CrossOrigin = Of("cross_origin", FailureClass.Policy, "A page of another site asked for a change.", "Use the dashboard's own pages, or a program on this machine.");
    public static readonly ErrorCode MethodNotAllowed = Of("method_not_allowed", FailureClass.Policy, "The address does not take this method.", "See openapi.json.");
    public static readonly ErrorCode TooLarge = Of("too_large", FailureClass.Policy, "The request is larger than 1 MiB.", "Send less.");
    public static readonly ErrorCode UnsupportedMediaType = Of("unsupported_media_type", FailureClass.Policy, "The body is not JSON.", "Send `application/json`.");
    public static readonly ErrorCode Internal = Of("internal", FailureClass.Infrastructure, "Something went wrong here.", "The log has it under the trace id.");
    public static readonly ErrorCode ApiUnreachable = Of("api_unreachable", FailureClass.Transient, "The dashboard's server cannot reach the Api.", "Try again in a moment; look whether the Api runs.");
    public static readonly ErrorCode RateLimited = Of("rate_limited", FailureClass.Transient, "The client asks more often than it may.", "Ask again after `Retry-After`.");
    public static readonly ErrorCode ClientBlocked = Of("client_blocked", FailureClass.Policy, "The client is shut out because it violated the limits again and again.", "It ends by itself; an operator can lift it.");
    public static readonly ErrorCode IdempotencyInProgress = Of("idempotency_in_progress", FailureClass.Transient, "The first request with this Idempotency-Key is still being carried out.", "Ask again in a few seconds.");
    public static readonly ErrorCode IdempotencyKeyReused = Of("idempotency_key_reused", FailureClass.Policy, "The Idempotency-Key came with another request before.", "Take a new key for another request.");
    public static readonly ErrorCode IdempotencyAnswerLost = Of("idempotency_answer_lost", FailureClass.Policy, "The first request was carried out, but its answer is not kept.", "Look at what there is; take a new key to do it again.");

    // Work items and runs.
    public static readonly ErrorCode StaleVersion = Of("stale_version", FailureClass.Policy, "The work item has changed since it was read.", "Look at it again, then decide.");
    public static readonly ErrorCode PromptChanged = Of("prompt_changed", FailureClass.Policy, "The prompt has changed since it was read.", "Look at it again, then approve.");
    public static readonly ErrorCode ProgramChanged = Of("program_changed", FailureClass.Policy, "What stands behind the agent's name has changed since it was read.", "Look at it again, then approve.");
    public static readonly ErrorCode AlreadyDecided = Of("already_decided", FailureClass.Policy, "The work item is decided already.", "Reopen it first.");
    public static readonly ErrorCode AlreadyOpen = Of("already_open", FailureClass.Policy, "The work item is open already.", "Nothing.");
    public static readonly ErrorCode NotWaiting = Of("not_waiting", FailureClass.Policy, "No approval waits that could be withdrawn.", "Cancel the run if it has begun.");
    public static readonly ErrorCode NotScanned = Of("not_scanned", FailureClass.Policy, "The repository was not scanned yet, so there is no base to approve.", "Scan it first.");
    public static readonly ErrorCode SandboxUnavailable = Of("sandbox_unavailable", FailureClass.Configuration, "The sandbox that is asked for does not work here.", "Do what the message says, or choose another level.");
    public static readonly ErrorCode AgentUnavailable = Of("agent_unavailable", FailureClass.Configuration, "The agent cannot be used here.", "Set it up, or approve with another agent.");
    public static readonly ErrorCode IssueClosed = Of("closed", FailureClass.Policy, "The issue is closed.", "Reopen it, and set the label again.");
    public static readonly ErrorCode IssueAuthor = Of("author", FailureClass.Policy, "Whoever wrote the issue may not write in the repository.", "Somebody who may has to write it.");
    public static readonly ErrorCode IssueMarker = Of("marker", FailureClass.Policy, "The issue was written for another repository.", "Leave its line of the repository as it is.");
    public static readonly ErrorCode FindingGone = Of("finding_gone", FailureClass.Policy, "What the issue is about is not in the repository any more.", "Close the issue.");
    public static readonly ErrorCode ScanFailed = Of("scan_failed", FailureClass.Infrastructure, "The repository cannot be scanned.", "The message says why.");
    public static readonly ErrorCode ScanTimedOut = Of("scan_timed_out", FailureClass.Configuration, "The scan took longer than it may.", "Exclude what need not be scanned (`analyzer.excludePatterns`), or raise the time.");
    public static readonly ErrorCode AlreadyEnded = Of("already_ended", FailureClass.Policy, "The run has ended.", "Retry or resume it.");
    public static readonly ErrorCode StillRunning = Of("still_running", FailureClass.Policy, "The run has not ended.", "Wait for its end, or cancel it.");
    public static readonly ErrorCode NothingToResume = Of("nothing_to_resume", FailureClass.Policy, "The run left no work behind.", "Retry it from the base.");
    public static readonly ErrorCode AlreadyQueued = Of("already_queued", FailureClass.Policy, "The work item waits or runs already.", "Nothing.");
    public static readonly ErrorCode ApprovalNotValid = Of("approval_not_valid", FailureClass.Policy, "The approval does not hold any more.", "Approve the work item again.");
    public static readonly ErrorCode NotOpen = Of("not_open", FailureClass.Policy, "The work item's state does not allow it.", "Look at the item and its newest run.");
    public static readonly ErrorCode NotBlocked = Of("not_blocked", FailureClass.Policy, "The diff gate did not block this run.", "Nothing.");

    // Repositories.
    public static readonly ErrorCode RegisteredTwice = Of("registered_twice", FailureClass.Policy, "The repository is registered under another name too.", "Remove one of them.");
    public static readonly ErrorCode RepositoryBusy = Of("repository_busy", FailureClass.Policy, "The repository has runs that have not ended.", "Cancel them first, or wait.");
    public static readonly ErrorCode NoManagerRepository = Of("no_manager_repository", FailureClass.Configuration, "There is no repository in which the proposals could be filed.", "Set `github.managerRepo` and `github.username`.");
    public static readonly ErrorCode Replaced = Of("replaced", FailureClass.Policy, "The name belongs to another repository on GitHub now.", "Remove it here, and add the one that is meant.");
    public static readonly ErrorCode Disabled = Of("disabled", FailureClass.Policy, "GitHub has disabled the repository.", "Its owner hears why from GitHub.");
    public static readonly ErrorCode Archived = Of("archived", FailureClass.Policy, "The repository is archived: nothing can be changed in it.", "Unarchive it, or remove it here.");
    public static readonly ErrorCode NoCommits = Of("no_commits", FailureClass.Policy, "The repository has no commits yet.", "Make a first commit.");
    public static readonly ErrorCode NoDefaultBranch = Of("no_default_branch", FailureClass.Policy, "The repository has no branch that could be meant.", "Name one by `--branch`.");
    public static readonly ErrorCode BranchNotFound = Of("branch_not_found", FailureClass.Policy, "The repository has no branch of that name.", "List them with `git branch --all`.");
    public static readonly ErrorCode PathMissing = Of("path_missing", FailureClass.Policy, "No path is given, or it is none.", "Give the folder of a local git repository.");
    public static readonly ErrorCode NotADirectory = Of("not_a_directory", FailureClass.Policy, "The path is a file.", "Give the folder of a git repository.");
    public static readonly ErrorCode NotARepository = Of("not_a_repository", FailureClass.Policy, "The path is not in a git repository.", "Give a folder that holds one.");
    public static readonly ErrorCode Unreadable = Of("unreadable", FailureClass.Policy, "git cannot read the repository.", "Run `git status` there and repair what it reports.");
    public static readonly ErrorCode InsideGitDirectory = Of("inside_git_directory", FailureClass.Policy, "The path is inside a git directory.", "Give the folder of the working tree.");
    public static readonly ErrorCode SubmoduleNotInitialised = Of("submodule_not_initialised", FailureClass.Policy, "The path is a submodule that is not checked out.", "`git submodule update --init`, or give the repository above it.");
    public static readonly ErrorCode GitMissing = Of("git_missing", FailureClass.Configuration, "git could not be started.", "Install git 2.31 or newer and put it on PATH.");

    public static IReadOnlyList<ErrorCode> All => s_all;

    private static ErrorCode Of(string name, FailureClass failure, string meaning, string fix)
    {
        var code = new ErrorCode(name, failure, meaning, fix);
        s_all.Add(code);
        return code;
    }
}
