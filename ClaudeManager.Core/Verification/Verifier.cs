using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Verification;

/// <summary>What is to be checked for whom, and how strongly contained.</summary>
/// <param name="Commit">The tree to check: the base, or the result. The workspace store has it.</param>
/// <param name="Sandbox">The level the agent itself runs under.</param>
public sealed record VerificationRequest(RunIdentity Run, long RepositoryId, string Commit, SandboxLevel Sandbox, ExecutorConfiguration Executor);

/// <summary>Runs the checks of a repository in a clean checkout, contained like the agent, and judges what came of it.</summary>
public sealed class Verifier(ContainedProcess processes, WorkspaceStore workspaces, DataDirectory data, Redactor redactor)
{
    public const string Passed = "passed";
    public const string Failed = "failed";
    public const string NothingToRun = "nothing_to_run";
    public const string NotComparable = "not_comparable";

    private const string Registries = "registries";

    // Part of the key of a kept result: counts up when what is run for a plan changes.
    private const int CacheVersion = 1;
    private const int CacheEntries = 50;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private static readonly Regex s_noNetwork = Line(
        "NU1301|ENOTFOUND|EAI_AGAIN|Could not resolve host|Temporary failure in name resolution|dial tcp: lookup|Name or service not known|Network is unreachable|Failed to resolve address|node_modules|not found in offline mode");

    private static readonly Regex s_failure = Line(@"fail|error|exception|panic|assert|✗|✘|×|not ok");
    private static readonly Regex s_varying = Line(@"0x[0-9a-f]+|[0-9]+(?:[.,:][0-9]+)*\s*(?:ms|s|m|sec|seconds)?\b|/[^\s:'""]*/verify-(?:before|after)");

    /// <summary>The results at the base. A run of checks that all passed is kept for the next run on the same base; one that failed is not, because what was missing may have been put right.</summary>
    public async Task<IReadOnlyList<CheckResultDto>> BeforeAsync(VerifyPlan plan, VerificationRequest request, IAgentSink sink, CancellationToken ct)
    {
        var kept = Path.Combine(data.Root, "baselines", request.RepositoryId.ToString(CultureInfo.InvariantCulture), Key(plan, request) + ".json");
        if (await ReadKeptAsync(kept, ct).ConfigureAwait(false) is { } known)
        {
            return known;
        }

        var results = await RunAsync(plan, request, "before", sink, ct).ConfigureAwait(false);
        if (results.Count > 0 && results.All(r => r.ExitCode == 0))
        {
            await KeepAsync(kept, results, ct).ConfigureAwait(false);
        }

        return results;
    }

    public Task<IReadOnlyList<CheckResultDto>> AfterAsync(VerifyPlan plan, VerificationRequest request, IAgentSink sink, CancellationToken ct)
        => RunAsync(plan, request, "after", sink, ct);

    /// <summary>What the results mean. Pure: the same facts always give the same receipt.</summary>
    /// <param name="findingsLeft">How many of the item's findings are still in the new tree; null when they cannot be looked for.</param>
    public static VerificationReceiptDto Judge(
        VerifyPlan plan, SandboxLevel sandbox, IReadOnlyList<CheckResultDto> before, IReadOnlyList<CheckResultDto> after, Diff diff, int? findingsLeft)
    {
        var faults = new List<string>();
        var doubts = new List<string>();
        if (diff.Files.Count == 0)
        {
            faults.Add("Nothing was changed.");
        }

        if (findingsLeft > 0)
        {
            faults.Add(findingsLeft == 1 ? "The finding is still there." : string.Create(CultureInfo.InvariantCulture, $"{findingsLeft} findings are still there."));
        }

        faults.AddRange(TestChanges.Find(diff, plan.DefinedBy));
        var proved = 0;
        foreach (var command in plan.Checks)
        {
            proved += Compare(command, Find(before, command), Find(after, command), faults, doubts) ? 1 : 0;
        }

        foreach (var result in after.Where(r => r.ExitCode != 0 && plan.Prepare.Any(p => p.SequenceEqual(r.Command))))
        {
            doubts.Add($"'{Words(result.Command)}', which fetches what the checks need, did not work: the checks after it were not run.");
        }

        var verdict = faults.Count > 0 ? Failed
            : plan.Checks.Count == 0 ? NothingToRun
            : proved > 0 && proved + SameFailures(plan, before, after) == plan.Checks.Count ? Passed
            : NotComparable;
        return new VerificationReceiptDto(verdict, plan.Source, sandbox, before, after, [.. faults, .. doubts], findingsLeft switch
        {
            null => null,
            0 => "gone",
            _ => "present",
        });
    }

    /// <returns>True when the check passed on the new tree.</returns>
    private static bool Compare(IReadOnlyList<string> command, CheckResultDto? before, CheckResultDto? after, List<string> faults, List<string> doubts)
    {
        var words = Words(command);
        if (after is null)
        {
            doubts.Add($"'{words}' was not run on the result.");
            return false;
        }

        if (!Started(after))
        {
            doubts.Add($"'{words}' could not be run on this machine: {LastLine(after)} This says nothing about the change.");
            return false;
        }

        if (after.ExitCode == 0)
        {
            if (before is { ExitCode: not 0 } && Started(before))
            {
                doubts.Add($"'{words}' failed before the change and passes now.");
            }

            return true;
        }

        if (before is { ExitCode: 0 })
        {
            faults.Add($"'{words}' passed before the change and now {How(after)}.");
        }
        else if (before is null || !Started(before))
        {
            doubts.Add($"'{words}' {How(after)}, and there is no result from before the change to compare with.");
        }
        else if (SameFailure(before, after))
        {
            doubts.Add($"'{words}' {How(after)} in the same way before the change and after it: not the agent's doing, and no proof of anything.{NetworkHint(after)}");
        }
        else if (NewFailures(before, after) is { Count: > 0 } lines)
        {
            faults.Add($"'{words}' failed before the change too, but has new failures: {string.Join(" | ", lines)}");
        }
        else
        {
            doubts.Add($"'{words}' fails before the change and after it, in different ways: whether the change made it worse cannot be told from the output.{NetworkHint(after)}");
        }

        return false;
    }

    private static int SameFailures(VerifyPlan plan, IReadOnlyList<CheckResultDto> before, IReadOnlyList<CheckResultDto> after)
        => plan.Checks.Count(c => Find(before, c) is { } b && Find(after, c) is { } a && a.ExitCode != 0 && b.ExitCode != 0 && Started(a) && Started(b) && SameFailure(b, a));

    /// <summary>The same end, and no line that speaks of a failure is new. Numbers do not count: times, line numbers and totals differ from run to run.</summary>
    private static bool SameFailure(CheckResultDto before, CheckResultDto after)
        => before.ExitCode == after.ExitCode && before.TimedOut == after.TimedOut && FailureLines(after).Keys.All(FailureLines(before).ContainsKey);

    /// <summary>Empty when the output from before was cut: what is missing there may have stood in the part that is gone.</summary>
    private static List<string> NewFailures(CheckResultDto before, CheckResultDto after)
    {
        if (before.TimedOut || after.TimedOut || before.OutputTail.StartsWith(OutputTail.Cut, StringComparison.Ordinal))
        {
            return [];
        }

        var known = FailureLines(before);
        return [.. FailureLines(after).Where(l => !known.ContainsKey(l.Key)).Select(l => l.Value.Length <= 200 ? l.Value : l.Value[..200] + "…").Take(5)];
    }

    private static Dictionary<string, string> FailureLines(CheckResultDto result)
    {
        var lines = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in result.OutputTail.Split('\n').Select(l => l.Trim()).Where(l => s_failure.IsMatch(l)))
        {
            lines.TryAdd(s_varying.Replace(line, "#"), line);
        }

        return lines;
    }

    private static string NetworkHint(CheckResultDto result)
        => s_noNetwork.IsMatch(result.OutputTail) ? " It seems to miss packages it could not fetch: executor.verifyNetwork set to \"registries\" lets it." : "";

    private static string How(CheckResultDto result)
        => result.TimedOut ? "is not done in time" : string.Create(CultureInfo.InvariantCulture, $"fails with exit code {result.ExitCode}");

    /// <summary>127 is what shells and version managers answer for a program that is not there.</summary>
    private static bool Started(CheckResultDto result) => result.TimedOut || result.ExitCode is not (null or 127);

    private static string LastLine(CheckResultDto result) => result.OutputTail.Trim().Split('\n')[^1].TrimEnd('.') + ".";

    private static CheckResultDto? Find(IReadOnlyList<CheckResultDto> results, IReadOnlyList<string> command) => results.FirstOrDefault(r => r.Command.SequenceEqual(command));

    private static string Words(IReadOnlyList<string> command) => string.Join(' ', command);

    private async Task<IReadOnlyList<CheckResultDto>> RunAsync(VerifyPlan plan, VerificationRequest request, string phase, IAgentSink sink, CancellationToken ct)
    {
        if (plan.Checks.Count == 0)
        {
            return [];
        }

        var folder = Path.Combine(data.RunDirectory(request.Run.RunId), "verify-" + phase);
        await AgentDirectory.RemoveAsync(folder, ct).ConfigureAwait(false);
        var home = Directory.CreateDirectory(Path.Combine(folder, "home")).FullName;
        var tree = Path.Combine(folder, "tree");
        await workspaces.CheckoutAsync(request.RepositoryId, request.Commit, tree, ct).ConfigureAwait(false);
        var results = await RunAllAsync(plan, tree, home, request, sink, ct).ConfigureAwait(false);

        // Builds are large. Where this is not reached, the folder goes with the run's.
        await AgentDirectory.RemoveAsync(folder, ct).ConfigureAwait(false);
        return results;
    }

    private async Task<IReadOnlyList<CheckResultDto>> RunAllAsync(VerifyPlan plan, string tree, string home, VerificationRequest request, IAgentSink sink, CancellationToken ct)
    {
        var registries = request.Executor.VerifyNetwork == Registries;
        var results = new List<CheckResultDto>();
        foreach (var command in registries ? plan.Prepare : [])
        {
            results.Add(await RunOneAsync(command, tree, home, network: true, request, sink, ct).ConfigureAwait(false));
            if (results[^1].ExitCode != 0)
            {
                return results;
            }
        }

        // A detected plan has fetched what it needs by now; commands of an operator fetch for themselves.
        var network = registries && plan.Source == VerifyPlan.Configured;
        foreach (var command in plan.Checks)
        {
            results.Add(await RunOneAsync(command, tree, home, network, request, sink, ct).ConfigureAwait(false));
        }

        return results;
    }

    private async Task<CheckResultDto> RunOneAsync(IReadOnlyList<string> command, string tree, string home, bool network, VerificationRequest request, IAgentSink sink, CancellationToken ct)
    {
        var output = new OutputTail();
        var contained = new ContainedCommand(request.Run, "verify", command, tree, home, Environment(network), request.Sandbox, network, request.Executor.Timeout);
        try
        {
            var result = await processes.RunAsync(
                contained,
                sink,
                (line, _) =>
                {
                    output.Append(line);
                    return ValueTask.FromResult(LineVerdict.Continue);
                },
                stall: null,
                ct).ConfigureAwait(false);
            var timedOut = result.End == ContainedEnd.TimedOut;
            return new CheckResultDto(command, timedOut ? null : result.ExitCode, result.Seconds, output.Shown(redactor), timedOut);
        }
        catch (ProgramNotStartedException missing)
        {
            return new CheckResultDto(command, null, 0, missing.Message, false);
        }
    }

    private static Dictionary<string, string> Environment(bool network)
    {
        // CI: test runners end instead of watching for changes. Node reuse: MSBuild would leave processes behind.
        var variables = new Dictionary<string, string> { ["CI"] = "true", ["MSBUILDDISABLENODEREUSE"] = "1" };
        if (!network)
        {
            // Without a network NuGet's audit can only warn that it has none, which many projects turn into an error.
            variables["NuGetAudit"] = "false";
            variables["CARGO_NET_OFFLINE"] = "true";
            variables["npm_config_offline"] = "true";
        }

        return variables;
    }

    /// <summary>Results depend on the machine too (its tools), so they are kept beside its data and not in the database.</summary>
    private static string Key(VerifyPlan plan, VerificationRequest request)
        => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
            new { CacheVersion, request.Commit, plan.Prepare, plan.Checks, request.Sandbox, request.Executor.VerifyNetwork }, s_json)));

    private static async Task<IReadOnlyList<CheckResultDto>?> ReadKeptAsync(string path, CancellationToken ct)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<List<CheckResultDto>>(await File.ReadAllBytesAsync(path, ct).ConfigureAwait(false), s_json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task KeepAsync(string path, IReadOnlyList<CheckResultDto> results, CancellationToken ct)
    {
        var folder = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var draft = Path.Combine(folder.FullName, Path.GetRandomFileName());
        await File.WriteAllBytesAsync(draft, JsonSerializer.SerializeToUtf8Bytes(results, s_json), ct).ConfigureAwait(false);
        File.Move(draft, path, overwrite: true);
        foreach (var old in folder.GetFiles("*.json").OrderByDescending(f => f.LastWriteTimeUtc).Skip(CacheEntries))
        {
            old.Delete();
        }
    }

    private static Regex Line(string expression) => new(expression, RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
}
