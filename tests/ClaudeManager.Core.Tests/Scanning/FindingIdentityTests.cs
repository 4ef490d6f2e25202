using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Tests.Shared.Properties;
using ClaudeManager.Tests.Shared.Repositories;
using CsCheck;

namespace ClaudeManager.Core.Tests.Scanning;

/// <summary>Random histories of a real repository: every comment keeps its fingerprint through all that people do to the code around it.</summary>
public sealed class FindingIdentityTests
{
    private static readonly string[] s_texts = ["free the buffer", "later", "handle the error of the second call", "free the buffer"];

    [Fact]
    public async Task Scan_RandomHistories_EveryFindingKeepsItsFingerprint()
        => await Gen.Select(Gen.Int[0, 8], Gen.Int[0, 99], Gen.Int[0, 99]).Array[1, 3].Array[1, 10].CheckAsync(PlayAsync, 8);

    private static async Task PlayAsync((int Kind, int Where, int What)[][] history)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var repository = await TestRepository.CreateAsync(ct);
        var model = new Model();
        var known = new List<FindingEntity>();
        var fingerprints = new Dictionary<int, string>();
        string? since = null;
        foreach (var edits in history)
        {
            model.Apply(edits);
            model.WriteTo(repository);
            await repository.CommitAsync("Edit", ct);
            var local = (await LocalRepository.OpenAsync(repository.Path, null, ct)).Value!;
            var scanner = new TodoCommentsScanner();
            var result = await scanner.ScanAsync(new ScanRequest(local, since, Full: false, Explain: false, new AnalyzerConfiguration()), ct);
            KnownFindings.Apply(known, FindingTracker.Match(scanner.Key, known, result), scanner.Key, DateTimeOffset.UnixEpoch);
            since = local.Commit;

            var live = known.Where(f => !f.Gone).ToDictionary(f => f.Symbol!);
            Assert.Equal(model.Functions.Select(f => f.Name).Order(StringComparer.Ordinal), live.Keys.Order(StringComparer.Ordinal));
            foreach (var function in model.Functions)
            {
                var finding = live[function.Name];
                Assert.Equal((function.File, function.Text), (finding.Path, finding.Text));
                Assert.Equal(fingerprints.TryAdd(function.Id, finding.Fingerprint) ? finding.Fingerprint : fingerprints[function.Id], finding.Fingerprint);
            }

            Assert.Equal(fingerprints.Count, fingerprints.Values.Distinct().Count());
        }
    }

    /// <summary>C files of functions with one comment each. A function's name stands for who it is.</summary>
    private sealed class Model
    {
        private int _functions;
        private int _files;
        private int _fillers;

        public List<Function> Functions { get; } = [];

        public void Apply((int Kind, int Where, int What)[] edits)
        {
            // What nobody could tell is left out: a comment rewritten in a file that is also moved, and one removed or rewritten while another with its text is written.
            var moved = false;
            var added = false;
            var removed = false;
            foreach (var (kind, where, what) in edits)
            {
                if (Functions.Count == 0 || kind == 0)
                {
                    if (removed)
                    {
                        continue;
                    }

                    added = true;
                    Functions.Insert(Functions.Count == 0 ? 0 : where % Functions.Count, new Function(_functions++, Functions.Count == 0 || what % 3 == 0 ? $"f{_files++}.c" : Functions[where % Functions.Count].File, s_texts[what % s_texts.Length]));
                    continue;
                }

                var chosen = Functions[where % Functions.Count];
                switch (kind)
                {
                    case 1 when !added:
                        removed = true;
                        Functions.Remove(chosen);
                        break;
                    case 2:
                        chosen.Above.Add($"int filler{_fillers++};");
                        break;
                    case 3:
                        chosen.Indent = what % 9;
                        break;
                    case 4:
                        moved = true;
                        var (from, to) = (chosen.File, $"moved{_files++}/f.c");
                        Functions.ForEach(f => f.File = f.File == from ? to : f.File);
                        break;
                    case 5:
                        var other = Functions[what % Functions.Count];
                        var (a, b) = (Functions.IndexOf(chosen), Functions.IndexOf(other));
                        (Functions[a], Functions[b]) = (other, chosen);
                        break;
                    case 6:
                        chosen.Body.Add($"    call{_fillers++}();");
                        break;
                    case 7 when !moved && !added:
                        chosen.Text = $"{s_texts[what % s_texts.Length]} {_fillers++}";
                        return;
                    default:
                        chosen.Above.Add("");
                        break;
                }
            }
        }

        public void WriteTo(TestRepository repository)
        {
            foreach (var file in Directory.EnumerateFiles(repository.Path, "*.c", SearchOption.AllDirectories))
            {
                File.Delete(file);
            }

            foreach (var file in Functions.GroupBy(f => f.File))
            {
                var text = new StringBuilder();
                foreach (var function in file)
                {
                    function.Above.ForEach(line => text.Append(line).Append('\n'));
                    var indent = new string(' ', function.Indent);
                    text.Append($"{indent}void {function.Name}(void) {{\n{indent}    // TODO: {function.Text}\n{indent}    first_{function.Name}();\n{indent}    second_{function.Name}();\n");
                    function.Body.ForEach(line => text.Append(line).Append('\n'));
                    text.Append(indent).Append("}\n\n");
                }

                repository.Write(file.Key, text.ToString());
            }
        }
    }

    private sealed class Function(int id, string file, string text)
    {
        public int Id => id;
        public string Name { get; } = $"function_{id}";
        public string File { get; set; } = file;
        public string Text { get; set; } = text;
        public int Indent { get; set; }
        public List<string> Above { get; } = [];
        public List<string> Body { get; } = [];
    }
}
