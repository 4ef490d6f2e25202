namespace ClaudeManager.Core.Verification;

/// <summary>What is run to check a result.</summary>
/// <param name="Prepare">Fetches what the checks need; only run where <c>executor.verifyNetwork</c> lets it reach the registries.</param>
/// <param name="Checks">The checks themselves; none of them has a network of its own accord.</param>
/// <param name="Source"><see cref="Configured"/>, <see cref="Detected"/> or <see cref="None"/>.</param>
/// <param name="Why">One sentence for people: what was found, or why nothing was.</param>
/// <param name="DefinedBy">Files of the repository that decide what the checks do.</param>
public sealed record VerifyPlan(
    IReadOnlyList<IReadOnlyList<string>> Prepare,
    IReadOnlyList<IReadOnlyList<string>> Checks,
    string Source,
    string Why,
    IReadOnlyList<string> DefinedBy)
{
    public const string Configured = "configured";
    public const string Detected = "detected";
    public const string None = "none";
}
