using System.Diagnostics;
using System.Globalization;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Benchmarks.Scanning;

/// <summary>
/// Whole scans, opening the repository and listing its tree included, against the tools a person would use, in alternating rounds on the same data, with equal counts:
/// a clean checkout against <c>rg</c>, the same commit in a bare repository against <c>git grep</c>, an unchanged rescan of 100,000 files against <c>git ls-tree -r</c>; and the most memory a scan takes.
/// </summary>
internal static class ScanBenchmark
{
    private const int Rounds = 7;
    private const long TreeBytes = 600_000_000;
    private const int ManyFiles = 100_000;
    private const string RipgrepPattern = @"(?-u:\b)(TODO|FIXME)(?-u:\b)|(?-u:\b)(HACK|BUG):";

    public static async Task<int> RunAsync(string[] arguments, CancellationToken ct)
    {
        if (arguments is ["once", var path])
        {
            Console.WriteLine(FormattableString.Invariant($"{await ScanAsync(path, ct)} {PeakMegabytes()}"));
            return 0;
        }

        Console.WriteLine("| what | ours, s | theirs, s | ratio | budget |");
        Console.WriteLine("|---|---|---|---|---|");
        var within = true;
        await using (var large = await LargeAsync(ct))
        {
            within &= await CompareAsync("clean checkout, 600 MB, against rg", 1.0, () => ScanAsync(large.Path, ct), () => RipgrepAsync(large.Path, ct));
            var megabytes = await PeakOfOneScanAsync(large.Path, ct);
            within &= megabytes <= 300;
            Console.WriteLine(FormattableString.Invariant($"| most memory of that scan | {megabytes} MB | | | 300 MB |"));

            await large.GitAsync(ct, "-c", "pack.window=0", "repack", "-a", "-d", "--quiet");
            var bare = large.Path + "-bare";
            await large.GitAsync(ct, "clone", "--quiet", "--bare", large.Path, bare);
            within &= await CompareAsync("the same commit, bare, against git grep", 1.5, () => ScanAsync(bare, ct), () => GitGrepAsync(bare, ct));
        }

        within &= await RescanAsync(ct);
        return within ? 0 : 1;
    }

    private static async Task<bool> CompareAsync(string what, double budget, Func<Task<long>> ours, Func<Task<long>> theirs)
    {
        List<double> our = [], their = [];
        // The first round fills the page cache and compiles.
        for (var round = 0; round <= Rounds; round++)
        {
            var (found, seconds) = await TimeAsync(ours);
            var (counted, reference) = await TimeAsync(theirs);
            if (found != counted)
            {
                throw new InvalidOperationException(FormattableString.Invariant($"{what}: we count {found}, they count {counted}."));
            }

            if (round > 0)
            {
                our.Add(seconds);
                their.Add(reference);
            }
        }

        var (mine, other) = (Median(our), Median(their));
        Console.WriteLine(FormattableString.Invariant($"| {what} | {mine:F3} | {other:F3} | {mine / other:F2} | {budget:F1} |"));
        return mine <= budget * other;
    }

    private static async Task<(long Count, double Seconds)> TimeAsync(Func<Task<long>> run)
    {
        var started = Stopwatch.GetTimestamp();
        var count = await run();
        return (count, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static async Task<long> ScanAsync(string path, CancellationToken ct)
    {
        var opened = await LocalRepository.OpenAsync(path, null, ct);
        var result = await new TodoCommentsScanner().ScanAsync(new ScanRequest(opened.Value!, null, Full: true, Explain: false, new AnalyzerConfiguration()), ct);
        return result.Found.Count;
    }

    private static async Task<long> RipgrepAsync(string path, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo("rg", ["--no-ignore", "--hidden", "--glob=!.git", "--no-messages", "--count", "--no-filename", RipgrepPattern, path]) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return Sum(output);
    }

    private static async Task<long> GitGrepAsync(string path, CancellationToken ct)
        => Sum((await GitCommand.RunAsync(path, ["grep", "--count", "--no-color", "-h", "-w", "-F", "-e", "TODO", "-e", "FIXME", "HEAD"], ct)).Text);

    private static long Sum(string counts) => counts.Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(line => long.Parse(line, CultureInfo.InvariantCulture));

    /// <summary>A process of its own, so that nothing else of this one is counted.</summary>
    private static async Task<long> PeakOfOneScanAsync(string path, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["scan", "once", path]) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return long.Parse(output.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static long PeakMegabytes()
    {
        using var self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64 / 1_000_000;
    }

    private static async Task<bool> RescanAsync(CancellationToken ct)
    {
        using var directory = new TemporaryDirectory();
        await using var many = await ManyAsync(ct);
        var services = new ServiceCollection();
        services.AddManagerStore(new StoreTarget.Sqlite(directory.Combine("benchmark.db")));
        services.AddLogging();
        services.AddSingleton(new CurrentConfiguration(ManagerConfiguration.Default));
        services.AddSingleton(new DataDirectory(directory.Path));
        services.AddSingleton(InstanceIdentity.Create("test", TimeProvider.System));
        services.AddMetrics();
        services.AddSingleton<InstanceRegistry>();
        services.AddRateLimiting(new RedisConfiguration());
        services.AddGitHub(token: null);
        services.AddSingleton<IScanner, TodoCommentsScanner>();
        services.AddSingleton<RepositorySource>();
        services.AddSingleton<ScanService>();
        services.AddSingleton<RepositoryRegistry>();
        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<DatabaseAdministration>().MigrateAsync(ct);
        var scans = provider.GetRequiredService<ScanService>();
        var registry = provider.GetRequiredService<RepositoryRegistry>();
        var operation = OperationContext.Create("benchmark", "system:benchmark");
        var added = await registry.AddAsync(operation, new AddRepositoryRequest(many.Path, Propose: true), ct);
        return await CompareAsync(
            "unchanged rescan of 100,000 files, store included, against git ls-tree -r",
            2.0,
            async () => (await scans.ScanAsync(operation, added.Value!.Id, full: false, propose: null, ct)).Value!.Found,
            async () =>
            {
                await GitCommand.RunAsync(many.Path, ["ls-tree", "-r", "HEAD"], ct);
                return ManyFiles / 1000;
            });
    }

    /// <summary>Exactly 40 characters, so that a tree of any size is the same on every machine.</summary>
    private static string Line(int seed) => string.Create(CultureInfo.InvariantCulture, $"    var value{seed % 9973:D6} = Compute{seed % 7};").PadRight(39) + "\n";

    /// <summary>Source files of 1 to 80 kB, one in fifty with markers; bundles of one long line each, some named as such and some not.</summary>
    private static async Task<TestRepository> LargeAsync(CancellationToken ct)
    {
        var repository = await TestRepository.CreateAsync(ct, name: "large");
        var random = new Random(1);
        long written = 0;
        for (var file = 0; written < TreeBytes; file++)
        {
            var text = new StringBuilder();
            if (file % 40 == 0)
            {
                while (text.Length < 500_000)
                {
                    text.Append(CultureInfo.InvariantCulture, $"function a{text.Length}(b,c){{return b.d(c)?\"e\":'f{random.Next(999)}'}};");
                }

                repository.Write($"part{file % 97}/bundle{file}{(file % 80 == 0 ? ".min" : "")}.js", text.ToString());
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

                repository.Write($"part{file % 97}/source{file}.cs", text.ToString());
            }

            written += text.Length;
        }

        await repository.CommitAsync("Large", ct);
        // As it is some time after a checkout: only then does git itself trust what the index says of files.
        var index = Path.Combine(repository.Path, ".git", "index");
        File.SetLastWriteTimeUtc(index, File.GetLastWriteTimeUtc(index).AddMinutes(1));
        return repository;
    }

    private static async Task<TestRepository> ManyAsync(CancellationToken ct)
    {
        var repository = await TestRepository.CreateAsync(ct, name: "many.git", bare: true);
        var import = new StringBuilder("commit refs/heads/main\ncommitter A <a@example.org> 1767600000 +0000\ndata 0\n");
        for (var i = 0; i < ManyFiles; i++)
        {
            var content = string.Create(CultureInfo.InvariantCulture, $"{(i % 1000 == 0 ? "// TODO: number " : "// number ")}{i}\n");
            import.Append(CultureInfo.InvariantCulture, $"M 100644 inline d{i % 50}/e{i % 700}/file{i}.c\ndata {content.Length}\n{content}");
        }

        await GitCommand.RunAsync(repository.Path, ["fast-import", "--quiet"], ct, Encoding.ASCII.GetBytes(import.ToString()));
        return repository;
    }
}
