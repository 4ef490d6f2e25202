using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Verification;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Verification;

public sealed class TestChangesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tests/ATests.cs", "    [Fact]", "    [Fact(Skip = \"flaky\")]")]
    [InlineData("tests/ATests.cs", "    [Test]", "    [Test, Ignore(\"x\")]")]
    [InlineData("src/a.test.ts", "it('works', () => {", "it.skip('works', () => {")]
    [InlineData("src/a.test.ts", "it('works', () => {", "it.only('works', () => {")]
    [InlineData("src/a.spec.js", "describe('a', () => {", "xdescribe('a', () => {")]
    [InlineData("src/a.spec.js", "it('a', () => {", "fit('a', () => {")]
    [InlineData("tests/test_a.py", "def test_a():", "@pytest.mark.xfail\ndef test_a():")]
    [InlineData("tests/test_a.py", "def test_a():", "@unittest.skipIf(True, 'x')\ndef test_a():")]
    [InlineData("a_test.go", "\tx := 1", "\tt.Skip(\"later\")\n\tx := 1")]
    [InlineData("src/lib.rs", "#[test]", "#[ignore]\n#[test]")]
    [InlineData("src/test/java/ATest.java", "    @Test", "    @Disabled\n    @Test")]
    [InlineData("spec/a_spec.rb", "  it 'works' do", "  xit 'works' do")]
    [InlineData("tests/ATest.php", "    $a = 1;", "    $this->markTestSkipped();")]
    public async Task Find_SkipMarkerAdded_IsNamedWithItsLine(string path, string before, string after)
    {
        var problem = Assert.Single(await From((path, before + "\n")).ToAsync(r => r.Write(path, after + "\n")), p => p.Contains("skipped", StringComparison.Ordinal));
        Assert.Contains($"{path}, line 1", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tests/ATests.cs", "    [Fact]\n    public void A() { }\n    [Theory]\n    public void B() { }\n", "    [Fact]\n    public void A() { }\n")]
    [InlineData("tests/ATests.cs", "    [Fact]\n    public void A() { }\n", "    // [Fact]\n    public void A() { }\n")]
    [InlineData("tests/ATests.cs", "    [Theory]\n    [InlineData(1)]\n    [InlineData(2)]\n", "    [Theory]\n    [InlineData(1)]\n")]
    [InlineData("a.test.js", "test('a', f);\ntest('b', f);\n", "test('a', f);\n")]
    [InlineData("b.test.js", "test('a', f);\n", "// test('a', f);\n")]
    [InlineData("tests/test_a.py", "def test_a(): pass\nasync def test_b(): pass\n", "def test_a(): pass\n")]
    [InlineData("a_test.go", "func TestA(t *testing.T) {}\n", "func testA(t *testing.T) {}\n")]
    [InlineData("src/lib.rs", "#[tokio::test]\nasync fn a() {}\n", "async fn a() {}\n")]
    public async Task Find_TestsFewer_AreCounted(string path, string before, string after)
        => Assert.Contains(await From((path, before)).ToAsync(r => r.Write(path, after)), p => p.StartsWith("1 fewer tests than before: " + path, StringComparison.Ordinal));

    [Fact]
    public async Task Find_TestFileDeleted_CountsItsTests()
        => Assert.StartsWith("2 fewer tests", Assert.Single(await From(("tests/ATests.cs", "[Fact]\nvoid A();\n[Fact]\nvoid B();\n")).ToAsync(r => r.Delete("tests/ATests.cs"))), StringComparison.Ordinal);

    [Fact]
    public async Task Find_TestFileOfAnUnknownLanguageDeleted_IsNamed()
        => Assert.Contains("tests/a.zig", Assert.Single(await From(("tests/a.zig", "test {}\n"), ("tests/data.json", "{}\n")).ToAsync(r => r.Delete("tests/a.zig").Delete("tests/data.json"))), StringComparison.Ordinal);

    [Fact]
    public async Task Find_TestMovedOutOfTheTests_IsNamed()
    {
        var tests = string.Concat(Enumerable.Range(0, 20).Select(i => $"def test_{i}(): pass\n"));
        Assert.Contains("moved out of the tests", Assert.Single(await From(("pkg/test_a.py", tests)).ToAsync(r => r.Move("pkg/test_a.py", "pkg/old_a.py"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_TestsMovedToAnotherFile_IsFine()
        => Assert.Empty(await From(("tests/ATests.cs", "[Fact]\nvoid A();\n[Fact]\nvoid B();\n"), ("tests/BTests.cs", "class B;\n"))
            .ToAsync(r => r.Write("tests/ATests.cs", "[Fact]\nvoid A();\n").Write("tests/BTests.cs", "class B;\n[Fact]\nvoid B();\n")));

    [Theory]
    [InlineData("tests/ATests.cs", "[Fact]\nvoid A() { old(); }\n", "[Fact]\nvoid A() { better(); }\n")]
    [InlineData("tests/ATests.cs", "[Fact(Skip = \"a\")]\nvoid A();\n", "[Fact(Skip = \"b\")]\nvoid A();\n")]
    [InlineData("src/a.js", "model.fit(x)\n", "model.fit(x)\nregex.test(y)\n")]
    [InlineData("src/skip.cs", "x\n", "var options = new Options { Skip = \"yes\" };\n")]
    [InlineData("src/a.test.ts", "it('works', f)\n", "it('works', g)\nit.each([1])('more', f)\n")]
    [InlineData("tests/test_a.py", "def test_a(): pass\n", "def test_a(): pass\n# @pytest.mark.skip was removed\n")]
    public async Task Find_OrdinaryChange_FindsNothing(string path, string before, string after)
        => Assert.Empty(await From((path, before)).ToAsync(r => r.Write(path, after)));

    [Theory]
    [InlineData("package.json", "{\n  \"test\": \"jest\"\n}\n", "{\n  \"test\": \"true\"\n}\n", "test script was changed")]
    [InlineData("tests/run.sh", "set -e\n# note\n./a\n./b\n", "set -e\n./a\n", "1 fewer lines")]
    [InlineData("A.sln", "Project 1\nProject 2\n", "Project 1\n", "1 fewer lines")]
    public async Task Find_FileThatDecidesTheChecksWeakened_IsNamed(string path, string before, string after, string expected)
        => Assert.Contains(expected, Assert.Single(await From((path, before)).ToAsync(r => r.Write(path, after), path)), StringComparison.Ordinal);

    [Theory]
    [InlineData("package.json", "{\n  \"test\": \"jest\",\n  \"version\": 1\n}\n", "{\n  \"test\": \"jest\",\n  \"version\": 2\n}\n")]
    [InlineData("tests/run.sh", "# TODO: more\n./a\n", "./a\n./b\n")]
    public async Task Find_FileThatDecidesTheChecksChangedOtherwise_IsFine(string path, string before, string after)
        => Assert.Empty(await From((path, before)).ToAsync(r => r.Write(path, after), path));

    private static Case From(params (string Path, string Content)[] before) => new(before);

    private sealed record Case((string Path, string Content)[] Before)
    {
        public async Task<IReadOnlyList<string>> ToAsync(Action<TestRepository> change, params string[] definedBy)
        {
            await using var repository = await TestRepository.CreateAsync(Token, Before);
            var head = await repository.HeadAsync(Token);
            change(repository);
            return TestChanges.Find(await DiffReader.ReadAsync(repository.Path, head, await repository.CommitAsync("After", Token), Token), definedBy);
        }
    }
}
