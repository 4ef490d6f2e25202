using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Scanning.Languages;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Benchmarks.Scanning;

/// <summary>
/// The marker engine over a folder in the page cache, listing and reading included, against <c>rg</c> with the same markers in alternating rounds.
/// <c>engine</c> makes a tree for itself; <c>engine FOLDER</c> measures one that is there; <c>engine FOLDER explain</c> prints what became of every hit.
/// </summary>
internal static class EngineBenchmark
{
    private const int Rounds = 7;
    private const long TreeBytes = 300_000_000;
    private const string RipgrepPattern = @"(?-u:\b)(TODO|FIXME|HACK:|BUG:)";

    public static int Run(ReadOnlySpan<string> arguments)
    {
        var configuration = new AnalyzerConfiguration();
        var scanner = new BlobScanner(new MarkerSet(configuration.TodoPatterns));
        var rules = new PathRules(configuration.ExcludePatterns);
        if (arguments is [var folder, "explain"])
        {
            Explain(scanner, rules, folder);
            return 0;
        }

        var temporary = arguments.IsEmpty ? Directory.CreateTempSubdirectory("engine-benchmark-") : null;
        try
        {
            var root = temporary?.FullName ?? arguments[0];
            if (temporary is not null)
            {
                MakeTree(root);
            }

            var engine = new List<double>();
            var ripgrep = new List<double>();
            long found = 0, lines = 0, bytes = 0;
            for (var round = 0; round <= Rounds; round++)
            {
                var started = Stopwatch.GetTimestamp();
                (found, bytes) = ScanFolder(scanner, rules, root);
                var ours = Stopwatch.GetElapsedTime(started).TotalSeconds;
                started = Stopwatch.GetTimestamp();
                lines = Ripgrep(root);
                var theirs = Stopwatch.GetElapsedTime(started).TotalSeconds;
                // The first round fills the page cache and compiles.
                if (round > 0)
                {
                    engine.Add(ours);
                    ripgrep.Add(theirs);
                }
            }

            engine.Sort();
            ripgrep.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bytes {bytes / 1e6:F0} MB, found {found}, rg lines {lines}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"engine best {engine[0]:F3} s median {engine[Rounds / 2]:F3} s ({bytes / engine[0] / 1e9:F2} GB/s)"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rg     best {ripgrep[0]:F3} s median {ripgrep[Rounds / 2]:F3} s; ratio best {engine[0] / ripgrep[0]:F2} median {engine[Rounds / 2] / ripgrep[Rounds / 2]:F2}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"search alone, one core: {SearchSpeed(scanner):F2} GB/s"));
            return 0;
        }
        finally
        {
            temporary?.Delete(recursive: true);
        }
    }

    private static (long Found, long Bytes) ScanFolder(BlobScanner scanner, PathRules rules, string root)
    {
        var files = Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
            .Where(file => rules.SkipReason(Path.GetRelativePath(root, file)) is null)
            .ToArray();
        long found = 0, bytes = 0;
        Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, () => new List<Occurrence>(), (file, _, occurrences) =>
        {
            occurrences.Clear();
            using var handle = File.OpenHandle(file, options: FileOptions.SequentialScan);
            var length = (int)RandomAccess.GetLength(handle);
            var buffer = ArrayPool<byte>.Shared.Rent(length);
            var content = buffer.AsSpan(0, RandomAccess.Read(handle, buffer.AsSpan(0, length), 0));
            if (scanner.MightContain(content))
            {
                scanner.Scan(content, file, occurrences, null);
                Interlocked.Add(ref found, occurrences.Count);
            }

            ArrayPool<byte>.Shared.Return(buffer);
            Interlocked.Add(ref bytes, length);
            return occurrences;
        }, _ => { });
        return (found, bytes);
    }

    private static double SearchSpeed(BlobScanner scanner)
    {
        var content = new byte[64_000_000];
        for (var position = 0; position < content.Length;)
        {
            position += Encoding.ASCII.GetBytes(Line(position), content.AsSpan(position, Math.Min(40, content.Length - position)));
        }

        var best = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            scanner.MightContain(content);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return content.Length / best / 1e9;
    }

    private static long Ripgrep(string root)
    {
        using var process = Process.Start(new ProcessStartInfo("rg", ["--no-ignore", "--hidden", "--no-messages", "-c", "--no-filename", RipgrepPattern, root]) { RedirectStandardOutput = true })!;
        var lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(line => long.Parse(line, CultureInfo.InvariantCulture));
        process.WaitForExit();
        return lines;
    }

    /// <summary>Exactly 40 characters, so that a tree of any size is the same on every machine.</summary>
    private static string Line(int seed) => string.Create(CultureInfo.InvariantCulture, $"    var value{seed % 9973:D6} = Compute{seed % 7};").PadRight(39) + "\n";

    /// <summary>Source files of 1 to 80 kB, one in fifty with markers, and bundles of one long line each.</summary>
    private static void MakeTree(string root)
    {
        var random = new Random(1);
        long written = 0;
        for (var file = 0; written < TreeBytes; file++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(root, $"part{file % 97}")).FullName;
            var text = new StringBuilder();
            if (file % 40 == 0)
            {
                while (text.Length < 500_000)
                {
                    text.Append(CultureInfo.InvariantCulture, $"function a{text.Length}(b,c){{return b.d(c)?\"e\":'f{random.Next(999)}'}};");
                }

                File.WriteAllText(Path.Combine(folder, $"bundle{file}.js"), text.ToString());
            }
            else
            {
                var lines = random.Next(25, 2000);
                for (var line = 0; line < lines; line++)
                {
                    text.Append(Line(random.Next()));
                    if (file % 50 == 0 && line % 200 == 100)
                    {
                        text.Append(CultureInfo.InvariantCulture, $"    // TODO: look at line {line} again\n\n");
                    }
                }

                File.WriteAllText(Path.Combine(folder, $"source{file}.cs"), text.ToString());
            }

            written += text.Length;
        }
    }

    private static void Explain(BlobScanner scanner, PathRules rules, string root)
    {
        List<Occurrence> found = [];
        List<MarkerExplanation> explained = [];
        foreach (var file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var path = Path.GetRelativePath(root, file);
            var content = File.ReadAllBytes(file);
            if (rules.SkipReason(path) is { } reason)
            {
                scanner.Explain(content, reason, explained);
            }
            else
            {
                scanner.Scan(content, path, found, explained);
            }

            foreach (var hit in explained)
            {
                Console.WriteLine($"{hit.Verdict}\t{path}:{hit.Line}\t{hit.Text}");
            }

            foreach (var occurrence in found)
            {
                Console.WriteLine($"=\t{path}:{occurrence.Line}-{occurrence.EndLine}\t{occurrence.Symbol}\t{occurrence.Owner}|{occurrence.IssueReference}\t{occurrence.Text}");
            }

            explained.Clear();
            found.Clear();
        }
    }
}
