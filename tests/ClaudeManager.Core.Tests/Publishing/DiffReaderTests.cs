using System.Runtime.Versioning;
using System.Text;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Publishing;

[UnsupportedOSPlatform("windows")]
public sealed class DiffReaderTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReadAsync_EveryKindOfChange_IsNamedWithItsCountsAndPatch()
    {
        var lines = string.Concat(Enumerable.Range(1, 40).Select(i => $"line {i}\n"));
        await using var repository = await TestRepository.CreateAsync(
            Token, ("changed.txt", "one\ntwo\nthree\n"), ("gone.txt", "bye\n"), ("old/name.txt", lines), ("becomes-link", "text\n"), ("run.sh", "#!/bin/sh\n"), ("bytes.bin", "\0\u0001"));
        var before = await repository.HeadAsync(Token);
        repository.Write("changed.txt", "one\n2\nthree\nfour\n").Delete("gone.txt").Move("old/name.txt", "new/name.txt").Write("added.txt", "a\nb\n").Write("empty.txt", "")
            .Delete("becomes-link").Link("becomes-link", "changed.txt").Write("bytes.bin", [0, 2]);
        File.SetUnixFileMode(Path.Combine(repository.Path, "run.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var diff = await DiffReader.ReadAsync(repository.Path, before, await repository.CommitAsync("After", Token), Token);

        Assert.True(diff.Complete);
        Assert.Equal(
            [
                "added added.txt 2 0", "type_changed becomes-link 1 1", "modified bytes.bin 0 0", "modified changed.txt 2 1", "added empty.txt 0 0", "deleted gone.txt 0 1",
                "renamed new/name.txt 0 0", "modified run.sh 0 0",
            ],
            diff.Files.Select(f => $"{f.StatusName} {f.Path} {f.Added} {f.Removed}"));
        var files = diff.Files.ToDictionary(f => f.Path);
        Assert.Equal("old/name.txt", files["new/name.txt"].OldPath);
        Assert.Equal((DiffFile.ModeFile, DiffFile.ModeExecutable), (files["run.sh"].OldMode, files["run.sh"].NewMode));
        Assert.Equal(DiffFile.ModeLink, files["becomes-link"].NewMode);
        Assert.True(files["bytes.bin"].Binary);
        Assert.Null(files["bytes.bin"].Patch);
        Assert.All(diff.Files.Where(f => !f.Binary), f => Assert.StartsWith("diff --git ", f.Patch));
        Assert.Equal([('-', 2, "two"), ('+', 2, "2"), ('+', 4, "four")], files["changed.txt"].Lines().Select(l => (l.Sign, l.Number, l.Text.ToString())));
        Assert.Equal([('-', 1, "text"), ('+', 1, "changed.txt")], files["becomes-link"].Lines().Select(l => (l.Sign, l.Number, l.Text.ToString())));
    }

    [Fact]
    public async Task ReadAsync_OddPaths_AreKeptApartAndGetTheirOwnPatch()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("base.txt", "x\n"));
        var before = await repository.HeadAsync(Token);
        byte[][] names = ["new\nline"u8.ToArray(), "quo\"te"u8.ToArray(), "tab\tbed"u8.ToArray(), "\ndiff --git a"u8.ToArray(), [0xE9, (byte)'t'], [0xE8, (byte)'t'], "ünï"u8.ToArray(), " lead"u8.ToArray()];
        Array.Sort(names, (a, b) => a.AsSpan().SequenceCompareTo(b));
        var after = await repository.CommitRawAsync(Token, "main", [.. names.Select((n, i) => ("100644", n, Encoding.UTF8.GetBytes($"content {i}\n")))]);

        var diff = await DiffReader.ReadAsync(repository.Path, before, after, Token);

        var added = diff.Files.Where(f => f.Status == 'A').ToList();
        Assert.Equal(["\ndiff --git a", " lead", "new\nline", "quo\"te", "tab\tbed", "ünï", "\\xE8t", "\\xE9t"], added.Select(f => f.Path));
        Assert.All(added.Select((f, i) => (f, i)), p => Assert.Equal($"content {p.i}", Assert.Single(p.f.Lines()).Text.ToString()));
    }

    [Fact]
    public async Task ReadAsync_ContentThatLooksLikeAPatch_StaysContent()
    {
        const string Hostile = "diff --git a/x b/x\n@@ -1,1 +1,1 @@\n+++ b/x\n-- \n";
        await using var repository = await TestRepository.CreateAsync(Token, ("a.txt", "old\n" + Hostile), ("b.txt", "old\n"));
        var before = await repository.HeadAsync(Token);
        repository.Write("a.txt", "new\n" + Hostile + Hostile).Write("b.txt", Hostile);

        var diff = await DiffReader.ReadAsync(repository.Path, before, await repository.CommitAsync("After", Token), Token);

        Assert.Equal(["a.txt", "b.txt"], diff.Files.Select(f => f.Path));
        Assert.All(diff.Files, f => Assert.Equal((f.Added, f.Removed), (f.Lines().Count(l => l.Sign == '+'), f.Lines().Count(l => l.Sign == '-'))));
        Assert.Equal(Hostile, string.Concat(diff.Files[1].Lines().Where(l => l.Sign == '+').Select(l => l.Text + "\n")));
    }

    [Fact]
    public async Task ReadAsync_HundredThousandLines_AreAllRead()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("base.txt", "x\n"));
        var before = await repository.HeadAsync(Token);
        repository.Write("big.txt", string.Concat(Enumerable.Range(0, 100_000).Select(i => $"line number {i}\n")));

        var diff = await DiffReader.ReadAsync(repository.Path, before, await repository.CommitAsync("After", Token), Token);

        Assert.Equal((100_000, true), (diff.Added, diff.Complete));
        Assert.Equal(100_000, diff.Files[0].Lines().Last().Number);
        var shown = diff.ToDto();
        Assert.True(shown.Truncated);
        Assert.Null(shown.Entries[0].Patch);
        Assert.Equal(100_000, shown.Added);
    }

    [Fact]
    public async Task ReadAsync_PatchOverTheCap_SaysItIsIncompleteAndKeepsTheList()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("base.txt", "x\n"));
        var before = await repository.HeadAsync(Token);
        var megabytes = string.Concat(Enumerable.Repeat(new string('y', 99) + "\n", 120_000));
        foreach (var name in new[] { "1", "2", "3", "4" })
        {
            repository.Write(name, name + megabytes);
        }

        var diff = await DiffReader.ReadAsync(repository.Path, before, await repository.CommitAsync("After", Token), Token);

        Assert.False(diff.Complete);
        Assert.Equal(["1", "2", "3", "4"], diff.Files.Select(f => f.Path));
        Assert.NotNull(diff.Files[0].Patch);
        Assert.Null(diff.Files[3].Patch);
        Assert.Equal(480_000, diff.Added);
    }

    [Fact]
    public async Task ReadAsync_SameCommit_IsEmpty()
    {
        await using var repository = await TestRepository.CreateAsync(Token, ("a", "x\n"));
        var head = await repository.HeadAsync(Token);
        Assert.Empty((await DiffReader.ReadAsync(repository.Path, head, head, Token)).Files);
    }
}
