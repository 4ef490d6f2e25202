using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;

namespace ClaudeManager.Core.Tests.WorkItems;

public sealed class ProposalGroupsTests
{
    private static readonly string[] s_scanners = ["todo-comments", "outdated-dependencies"];
    private static readonly string[] s_paths = ["a.c", "src/a.c", "src/b.c", "src/deep/a.c", "#12"];
    private static readonly Gen<FindingEntity[]> s_findings =
        Gen.Select(Gen.Int[0, 1].Select(i => s_scanners[i]), Gen.Int[0, 4].Select(i => s_paths[i]), Gen.Int[0, 60], Gen.Int[0, 9_000])
            .Array[0, 60].Select(made => made.Select((m, i) => Finding(m.Item1, m.Item2, m.Item2 == "#12" ? 0 : m.Item3 + 1, m.Item4, i)).ToArray());

    [Theory]
    [InlineData(ProposalGroups.None)]
    [InlineData(ProposalGroups.File)]
    [InlineData(ProposalGroups.Module)]
    public void Of_AnyFindings_EachIsInOneGroupOfItsKindAndTheOrderDoesNotMatter(string grouping)
        => s_findings.Check(findings =>
        {
            var groups = ProposalGroups.Of(findings, f => f, grouping);
            Assert.Equal(findings.Select(f => f.Fingerprint).Order(), groups.SelectMany(g => g).Select(f => f.Fingerprint).Order());
            Assert.All(groups, group =>
            {
                Assert.Single(group.Select(f => (f.Scanner, ProposalGroups.KeyOf(f, grouping))).Distinct());
                Assert.True(group.Count == 1 || (grouping != ProposalGroups.None && group.All(f => f.Line > 0)));
                Assert.True(group.Count == 1 || ProposalGroups.HasRoom(group.SkipLast(1), group[^1]));
                Assert.InRange(group.Count, 1, ProposalGroups.MostFindings);
            });
            var again = ProposalGroups.Of(findings.Reverse(), f => f, grouping);
            Assert.Equal(groups.Select(Names), again.Select(Names));
        });

    [Fact]
    public void Of_ByFile_FillsAGroupBeforeItBeginsAnother()
        => Assert.Equal([10, 10, 3], ProposalGroups.Of(Enumerable.Range(1, 23).Select(i => Finding("todo-comments", "a.c", i, 10, i)), f => f, ProposalGroups.File).Select(g => g.Count));

    private static string Names(IReadOnlyList<FindingEntity> group) => string.Join(' ', group.Select(f => f.Fingerprint));

    private static FindingEntity Finding(string scanner, string path, int line, int length, int number) => new()
    {
        Scanner = scanner,
        Path = path,
        Line = line,
        Fingerprint = number.ToString("x64", System.Globalization.CultureInfo.InvariantCulture),
        TextHash = "",
        Marker = "TODO",
        Text = "",
        Context = new string('x', length),
        NeighbourhoodHash = "",
        BlobId = "",
        FirstSeenCommit = "",
        LastSeenCommit = "",
    };
}
