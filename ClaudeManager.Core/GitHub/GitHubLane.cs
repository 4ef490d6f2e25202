namespace ClaudeManager.Core.GitHub;

/// <summary>Whose call goes first. Every lane leaves a part of each budget to those before it, so that an approval waits behind no scan of this process or another.</summary>
public enum GitHubLane
{
    /// <summary>Somebody decided, or waits: approvals, pushes, pull requests, results. What nobody says more of is here.</summary>
    Interactive,

    /// <summary>Issues that are proposed, brought up to date or closed.</summary>
    Propose,

    /// <summary>Scans and polls.</summary>
    Scan,
}

/// <summary>The lane of what is done now. It belongs to the operation and not to the call: the same questions are asked for a scan and for an approval.</summary>
public static class GitHubLanes
{
    private static readonly AsyncLocal<GitHubLane> s_current = new();

    public static GitHubLane Current => s_current.Value;

    /// <summary>Holds for everything the caller starts until it is disposed of.</summary>
    public static Scope Begin(GitHubLane lane)
    {
        var before = s_current.Value;
        s_current.Value = lane;
        return new Scope(before);
    }

    /// <summary>What a lane may take of a budget: all of it, nine tenths, or eight.</summary>
    public static int PartOf(this GitHubLane lane, int budget) => lane switch
    {
        GitHubLane.Interactive => budget,
        GitHubLane.Propose => budget - (budget / 10),
        GitHubLane.Scan => budget - (budget / 5),
    };

    public readonly struct Scope : IDisposable
    {
        private readonly GitHubLane _before;

        internal Scope(GitHubLane before) => _before = before;

        public void Dispose() => s_current.Value = _before;
    }
}
