using System.Globalization;
using CsCheck;

namespace ClaudeManager.Tests.Shared.Properties;

/// <summary>
/// The one way a property test draws its samples. A normal run sees the same ones every time, so that it fails because of a change
/// and never by chance; the long run draws many more, from a new seed. A failure names the seed that shows it at once.
/// </summary>
public static class Samples
{
    private const ulong NormalSeed = 20_260_101;
    private const int LongFactor = 20;
    private const int ShrinkAttempts = 1_000;

    public static void Check<T>(this Gen<T> gen, Action<T> property, int count = 100)
    {
        foreach (var seed in Seeds(count))
        {
            var generator = new PCG(0, seed);
            if (Fails(property, gen.Generate(generator, null, out var size)) is { } failure)
            {
                throw Describe(seed, Shrink(gen, property, generator, size, failure));
            }
        }
    }

    public static void Check<T1, T2>(this Gen<(T1, T2)> gen, Action<T1, T2> property, int count = 100)
        => gen.Check(sample => property(sample.Item1, sample.Item2), count);

    public static void Check<T1, T2, T3>(this Gen<(T1, T2, T3)> gen, Action<T1, T2, T3> property, int count = 100)
        => gen.Check(sample => property(sample.Item1, sample.Item2, sample.Item3), count);

    /// <summary>One sample after the other, none made smaller: properties that wait for something do not run a thousand times more.</summary>
    public static async Task CheckAsync<T>(this Gen<T> gen, Func<T, Task> property, int count = 100)
    {
        foreach (var seed in Seeds(count))
        {
            var sample = gen.Generate(new PCG(0, seed), null, out _);
            try
            {
                await property(sample);
            }
            catch (Exception fault)
            {
                throw Describe(seed, (sample, fault));
            }
        }
    }

    private static IEnumerable<ulong> Seeds(int count)
    {
        var seed = TestRun.Seed ?? (TestRun.IsLong ? (ulong)Random.Shared.NextInt64() : NormalSeed);
        var next = new PCG(1, seed);
        for (var left = TestRun.IsLong ? count * LongFactor : count; left > 0; left--)
        {
            yield return seed;
            seed = next.Next64();
        }
    }

    private static (T Sample, Exception Fault)? Fails<T>(Action<T> property, T sample)
    {
        try
        {
            property(sample);
            return null;
        }
        catch (Exception fault)
        {
            return (sample, fault);
        }
    }

    /// <summary>The smallest of the samples that follow which fails too.</summary>
    private static (T Sample, Exception Fault) Shrink<T>(Gen<T> gen, Action<T> property, PCG generator, Size size, (T, Exception) failure)
    {
        for (var attempt = 0; attempt < ShrinkAttempts; attempt++)
        {
            var sample = gen.Generate(generator, size, out var candidate);
            if (Size.IsLessThan(candidate, size) && Fails(property, sample) is { } smaller)
            {
                (size, failure) = (candidate, smaller);
            }
        }

        return failure;
    }

#pragma warning disable RS0030 // The ban is what makes this class the only one.
    private static CsCheckException Describe<T>(ulong seed, (T Sample, Exception Fault) failure)
        => new(string.Create(CultureInfo.InvariantCulture, $"{TestRun.SeedVariable}={seed} shows this again: {CsCheck.Check.Print(failure.Sample)}\n{failure.Fault.Message}"), failure.Fault);
#pragma warning restore RS0030
}
