namespace ClaudeManager.Chaos;

/// <summary>What is done to the service. Each waits until it has really struck something.</summary>
public enum FaultKind
{
    KillWorker,
    PauseWorker,
    KillApi,
    PauseApi,

    /// <summary>SIGKILL of one PostgreSQL backend, upon which the server ends all sessions and recovers.</summary>
    KillBackend,
    PauseBackend,
    DatabaseReset,
    DatabaseRefuses,
    DatabaseBlackHole,
    DatabaseSlow,
    KillRedis,
    PauseRedis,

    /// <summary>GitHub does it, and the answer is lost.</summary>
    GitHubLosesAnswer,
    GitHubResets,
    GitHubIsAway,
    GitHubLimits,

    /// <summary>GitHub has said 201, and every Worker is killed before any can have written it down.</summary>
    KillAfterGitHubAnswered,
}

/// <param name="After">Since the fault before it began.</param>
/// <param name="Lasts">Until what was broken is mended; a killed process is started again.</param>
/// <param name="Choice">Which of several; the injector takes it modulo what there is.</param>
public sealed record Fault(int Number, FaultKind Kind, TimeSpan After, TimeSpan Lasts, int Choice)
{
    // Kills are what the issue is about; a pause has to be longer than a lease now and then.
    private static readonly (FaultKind Kind, int Weight, double Shortest, double Longest)[] s_kinds =
    [
        (FaultKind.KillWorker, 18, 0.1, 6),
        (FaultKind.PauseWorker, 10, 0.5, 20),
        (FaultKind.KillApi, 8, 0.1, 4),
        (FaultKind.PauseApi, 4, 0.5, 5),
        (FaultKind.KillBackend, 8, 0, 0),
        (FaultKind.PauseBackend, 6, 0.2, 4),
        (FaultKind.DatabaseReset, 6, 0, 0),
        (FaultKind.DatabaseRefuses, 4, 0.5, 6),
        (FaultKind.DatabaseBlackHole, 4, 0.5, 8),
        (FaultKind.DatabaseSlow, 4, 1, 6),
        (FaultKind.KillRedis, 4, 0.1, 4),
        (FaultKind.PauseRedis, 4, 0.5, 5),
        (FaultKind.GitHubLosesAnswer, 8, 0, 0),
        (FaultKind.GitHubResets, 4, 0, 0),
        (FaultKind.GitHubIsAway, 4, 0, 0),
        (FaultKind.GitHubLimits, 2, 0, 0),
        (FaultKind.KillAfterGitHubAnswered, 8, 0.1, 4),
    ];

    /// <summary>The endless plan of a seed: the same one every time.</summary>
    /// <param name="every">Between the beginnings of two faults, on average.</param>
    public static IEnumerable<Fault> Plan(ulong seed, TimeSpan every)
    {
        var random = new SplitMix(seed);
        var all = s_kinds.Sum(k => k.Weight);
        for (var number = 1; ; number++)
        {
            var point = random.Below(all);
            var kind = s_kinds.First(k => (point -= k.Weight) < 0);
            // Exponential gaps: some faults come together, some alone.
            var after = every * -Math.Log(1 - random.Unit());
            var lasts = TimeSpan.FromSeconds(kind.Shortest + ((kind.Longest - kind.Shortest) * Math.Pow(random.Unit(), 2)));
            yield return new Fault(number, kind.Kind, after > every * 3 ? every * 3 : after, lasts, random.Below(1 << 20));
        }
    }

    public override string ToString() => FormattableString.Invariant($"{Number} {Kind} for {Lasts.TotalSeconds:0.0} s");
}

/// <summary>Steele, Lea and Flood 2014: the same numbers from the same seed on every machine and runtime.</summary>
internal sealed class SplitMix(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    public int Below(int bound) => (int)(Unit() * bound);
}
