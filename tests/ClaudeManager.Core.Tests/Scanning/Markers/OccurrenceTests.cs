using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Tests.Scanning.Markers;

public sealed class OccurrenceTests
{
    [Fact]
    public void Scan_LineComments_AreOneFindingUpToTheBlankLine()
    {
        var found = Assert.Single(Scanned.From("a.cs", """
            class A
            {
                // TODO: take the lock
                // before   reading
                //   and after it.
                // Hanging lines end it,

                // and empty ones do.
                // Nothing to do with it.
                int x;
            }
            """).Found);

        Assert.Equal((3, 5, "take the lock before reading and after it."), (found.Line, found.EndLine, found.Text));
        Assert.Equal((1, "class A\n{\n    // TODO: take the lock\n    // before   reading\n    //   and after it."), (found.ContextStartLine, found.Context));
        Assert.Equal("C#", found.Language);
    }

    [Fact]
    public void Scan_BlockComment_LosesItsStarsAndStopsAtTags()
    {
        var found = Scanned.From("a.java", """
            /**
             * Reads. TODO: close the
             *        stream
             * @param a FIXME: which?
             * @return b
             */
            int read(int a) {
            """).Found;

        Assert.Equal([("TODO", 2, 3, "close the stream"), ("FIXME", 4, 4, "which?")], found.Select(one => (one.Marker, one.Line, one.EndLine, one.Text)));
        Assert.All(found, one => Assert.Equal("read", one.Symbol));
    }

    [Fact]
    public void Scan_MarkersOnFollowingLines_AreFindingsOfTheirOwn()
    {
        var found = Scanned.From("a.py", "# TODO: one\n#  - TODO two\n# and more, FIXME: three\n# see TODO above\n").Found;

        Assert.Equal([(1, 1, "one"), (2, 2, "two"), (3, 4, "three see TODO above")], found.Select(one => (one.Line, one.EndLine, one.Text)));
    }

    [Fact]
    public void Scan_CommentBesideCode_GoesOnInItsOwnColumnOnly()
    {
        var found = Scanned.From("a.c", "int a; // TODO: first\n       // half\n// other\nint b; // TODO: alone\n// other\n").Found;

        Assert.Equal(["first half", "alone"], found.Select(one => one.Text));
    }

    [Theory]
    [InlineData("/* TODO */", "")]
    [InlineData("// needs a lock TODO", "needs a lock")]
    [InlineData("/* TODO: x **/", "x")]
    [InlineData("/// <remarks>TODO: x</remarks>", "x</remarks>")]
    [InlineData("// TODO(when it is stable): drop", "(when it is stable) drop")]
    public void Scan_Text_IsWhatTheMarkerSays(string source, string text) => Assert.Equal([text], Scanned.From("a.cs", source).Texts);

    [Theory]
    [InlineData("TODO(alice): x", "alice", null, null, null)]
    [InlineData("TODO(@alice): x", "alice", null, null, null)]
    [InlineData("TODO(John Smith): x", "John Smith", null, null, null)]
    [InlineData("TODO(#123): x", null, "#123", null, null)]
    [InlineData("TODO(org/repo#7): x", null, "org/repo#7", null, null)]
    [InlineData("TODO(PROJ-12): x", null, "PROJ-12", null, null)]
    [InlineData("TODO(b/1234): x", null, "b/1234", null, null)]
    [InlineData("TODO(https://example.org/i/1): x", null, "https://example.org/i/1", null, null)]
    [InlineData("TODO(P1): x", null, null, "p1", null)]
    [InlineData("TODO(priority=High): x", null, null, "high", null)]
    [InlineData("TODO(2027-01-31): x", null, null, null, "2027-01-31")]
    [InlineData("TODO(alice, #5, P2, due:2027-01-31): x", "alice", "#5", "p2", "2027-01-31")]
    [InlineData("TODO[#9]: x", null, "#9", null, null)]
    [InlineData("TODO: [P1] x", null, null, "p1", null)]
    [InlineData("TODO #12 x", null, "#12", null, null)]
    [InlineData("TODO @bob x", "bob", null, null, null)]
    [InlineData("TODO(2027-13-31): x", "2027-13-31", null, null, null)]
    [InlineData("TODO: (maybe) x", null, null, null, null)]
    public void Scan_Attributes_AreParsed(string comment, string? owner, string? issue, string? priority, string? due)
    {
        var found = Assert.Single(Scanned.From("a.go", "// " + comment).Found);

        Assert.Equal((owner, issue, priority, due), (found.Owner, found.IssueReference, found.Priority, found.DueOn?.ToString("yyyy-MM-dd")));
        Assert.EndsWith("x", found.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.cs", "class A\n{\n    void M(int a)\n    {\n        // TODO: x\n    }\n}\n", "M")]
    [InlineData("a.cs", "class A\n{\n    void M()\n    {\n    }\n\n    // TODO: x\n\n    int y;\n}\n", "A")]
    [InlineData("a.cs", "class A\n{\n    /// <summary>TODO: x</summary>\n    [Fact]\n    public async Task<int> M()\n    {\n    }\n}\n", "M")]
    [InlineData("a.cs", "class A\n{\n    int M() => 1; // TODO: x\n}\n", "M")]
    [InlineData("a.py", "class A:\n    def m(self):\n        pass\n    # TODO: x\n\n    y = 1\n", "A")]
    [InlineData("a.py", "def f():\n    '''TODO: x'''\n", "f")]
    [InlineData("a.py", "def f():\n    pass\n\n# TODO: x\n", null)]
    [InlineData("a.go", "func (r *T) Name(a int) error {\n\t// TODO: x\n}\n", "Name")]
    [InlineData("a.js", "const go = async (a) => {\n  // TODO: x\n}\n", "go")]
    [InlineData("a.js", "class A {\n  run(a) {\n    if (a) {\n      // TODO: x\n    }\n  }\n}\n", "run")]
    [InlineData("a.rs", "impl<T> Foo for Bar {\n    pub fn go<T>(a: T) -> T {\n        // TODO: x\n", "go")]
    [InlineData("a.rb", "class A\n  def self.go\n    # TODO: x\n  end\nend\n", "go")]
    [InlineData("a.c", "int\nmain(int argc, char **argv)\n{\n    // TODO: x\n}\n", null)]
    [InlineData("a.c", "static int parse(const char *s)\n{\n    return f(s); // TODO: x\n}\n", "parse")]
    [InlineData("a.py", "def f():\n    if isinstance(a, b):\n        pass  # TODO: x\n", "f")]
    [InlineData("a.cpp", "static int parse(const char *s,\n                 int n)\n{\n    // TODO: x\n}\n", "parse")]
    [InlineData("a.cs", "void M()\n{\n    Call(a,\n        b); // TODO: x\n}\n", "M")]
    [InlineData("a.yml", "class foo:\n  # TODO: x\n", null)]
    public void Scan_Symbol_IsTheEnclosingDeclaration(string path, string source, string? symbol)
        => Assert.Equal(symbol, Assert.Single(Scanned.From(path, source).Found).Symbol);

    [Fact]
    public void Scan_MovedAndReindented_KeepsBothHashes()
    {
        var before = Assert.Single(Scanned.From("a.cs", "int a;\n// TODO: Do  this\n//   now\nint b;\n").Found);
        var after = Assert.Single(Scanned.From("b.cs", "using X;\n\nnamespace Y;\n\n\tint  a;\n\n\t/// note\n\t// TODO: do this now\n\n\tint b ;\n").Found);

        Assert.Equal(before.NormalisedTextHash, after.NormalisedTextHash);
        Assert.Equal(before.NeighbourhoodHash, after.NeighbourhoodHash);
        Assert.Matches("^[0-9a-f]{64}$", before.NormalisedTextHash);
        Assert.Matches("^[0-9a-f]{64}$", before.NeighbourhoodHash);
    }

    [Fact]
    public void Scan_OtherTextOrOtherNeighbours_ChangesTheHash()
    {
        Occurrence Of(string source) => Assert.Single(Scanned.From("a.cs", source).Found);
        var one = Of("int a;\n// TODO: this\nint b;\n");

        Assert.NotEqual(one.NormalisedTextHash, Of("int a;\n// TODO: that\nint b;\n").NormalisedTextHash);
        Assert.NotEqual(one.NormalisedTextHash, Of("int a;\n// FIXME: this\nint b;\n").NormalisedTextHash);
        Assert.NotEqual(one.NeighbourhoodHash, Of("int c;\n// TODO: this\nint b;\n").NeighbourhoodHash);
        Assert.NotEqual(one.NeighbourhoodHash, Of("int a;\n// TODO: this\nint c;\n").NeighbourhoodHash);
        Assert.NotEqual(one.NeighbourhoodHash, Of("int a; // TODO: this\nint b;\n").NeighbourhoodHash);
        Assert.Equal(one.NormalisedTextHash, Of("int a;\n// TODO(alice): this\nint b;\n").NormalisedTextHash);
    }
}
