namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>What somebody means to do, in requests.</summary>
/// <param name="Creations">Issues, comments and pull requests: GitHub allows few of them.</param>
/// <param name="Writes">Others, which notify nobody.</param>
/// <param name="Reads">As if none had been asked before.</param>
public readonly record struct GitHubBatch(int Creations, int Writes = 0, int Reads = 0)
{
    public int Requests => Creations + Writes + Reads;

    /// <summary>Of the secondary limit.</summary>
    public int Points => ((Creations + Writes) * RequestCost.WritePoints) + (Reads * RequestCost.ReadPoints);
}

/// <param name="Requests">At most; also what it costs of the primary budget.</param>
/// <param name="DoneAt">If nobody else does anything meanwhile.</param>
public sealed record GitHubForecast(int Requests, int Points, DateTimeOffset DoneAt);
