using System.Globalization;
using System.Text;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Publishing;

/// <summary>Reads the difference between two commits of a git directory of ours. Only objects are read: no index, no work tree, no program a repository could name.</summary>
public static class DiffReader
{
    /// <summary>Bound on the patch text held in memory.</summary>
    public const int MaxPatchBytes = 32 * 1024 * 1024;

    // Larger files are compared by their ids and shown as binary, so that one huge file costs no memory in git either.
    private const string BigFileThreshold = "core.bigFileThreshold=16m";

    private static readonly string[] s_options = ["-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color", "--no-commit-id", "--full-index", "--ignore-submodules=none"];

    // Invalid UTF-8 in a path must stay distinguishable: two different paths never become the same text.
    private static readonly UTF8Encoding s_strictUtf8 = new(false, throwOnInvalidBytes: true);

    public static async Task<Diff> ReadAsync(string gitDirectory, string baseCommit, string resultCommit, CancellationToken ct)
    {
        var listed = await GitCommand.RunAsync(
            gitDirectory, ["-c", BigFileThreshold, "diff-tree", "-z", "--raw", "--numstat", .. s_options, baseCommit, resultCommit], ct).ConfigureAwait(false);
        var files = ParseList(listed.Output);
        var (patches, complete) = await ReadPatchesAsync(gitDirectory, baseCommit, resultCommit, ct).ConfigureAwait(false);
        return new Diff(Join(files, patches, complete), complete);
    }

    /// <summary>Both lists come in the same order; the patch of a type change has two parts, a deletion and a creation.</summary>
    private static List<DiffFile> Join(List<DiffFile> files, List<string> parts, bool complete)
    {
        var joined = new List<DiffFile>(files.Count);
        var next = 0;
        foreach (var file in files)
        {
            var count = file.Status == 'T' ? 2 : 1;
            if (next + count <= parts.Count)
            {
                joined.Add(file with { Patch = file.Binary ? null : string.Concat(parts.Skip(next).Take(count)) });
            }
            else if (!complete)
            {
                joined.Add(file);
            }
            else
            {
                break;
            }

            next += count;
        }

        return joined.Count == files.Count && (next == parts.Count || !complete)
            ? joined
            : throw new InvalidDataException($"git listed {files.Count} changed files but gave {parts.Count} patches.");
    }

    private static List<DiffFile> ParseList(byte[] output)
    {
        // Raw records first (":100644 100755 oid oid R086" NUL path NUL [path NUL]), then numstat ("1\t2\tpath" NUL, for renames "1\t2\t" NUL path NUL path NUL).
        var fields = new Fields(output);
        var files = new List<DiffFile>();
        while (fields.Peek() == ':')
        {
            var header = fields.NextText().Split(' ');
            var status = header[4][0];
            var first = fields.NextPath();
            var second = status is 'R' or 'C' ? fields.NextPath() : null;
            files.Add(new DiffFile(second ?? first, second is null ? null : first, status, Mode(header[0][1..]), Mode(header[1]), 0, 0, false, null));
        }

        for (var i = 0; i < files.Count; i++)
        {
            var counts = fields.NextText().Split('\t', 3);
            if (counts[2].Length == 0)
            {
                fields.NextPath();
                fields.NextPath();
            }

            var binary = counts[0] == "-";
            files[i] = files[i] with
            {
                Binary = binary,
                Added = binary ? 0 : int.Parse(counts[0], CultureInfo.InvariantCulture),
                Removed = binary ? 0 : int.Parse(counts[1], CultureInfo.InvariantCulture),
            };
        }

        return files;

        static int Mode(string octal) => Convert.ToInt32(octal, 8);
    }

    private static async Task<(List<string> Parts, bool Complete)> ReadPatchesAsync(string gitDirectory, string baseCommit, string resultCommit, CancellationToken ct)
    {
        using var process = GitCommand.Start(gitDirectory, ["-c", BigFileThreshold, "diff-tree", "-p", .. s_options, baseCommit, resultCommit]);
        try
        {
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync(ct);
            var (bytes, complete) = await ReadBoundedAsync(process.StandardOutput.BaseStream, ct).ConfigureAwait(false);
            if (!complete)
            {
                process.Kill(entireProcessTree: true);
            }

            await process.WaitForExitAsync(ct).ConfigureAwait(false);
            if (complete && process.ExitCode != 0)
            {
                throw new GitException("diff-tree -p", process.ExitCode, await error.ConfigureAwait(false));
            }

            var parts = Split(bytes.Span);
            if (!complete && parts.Count > 0)
            {
                // The last one may be cut in the middle.
                parts.RemoveAt(parts.Count - 1);
            }

            return (parts, complete);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static async Task<(ReadOnlyMemory<byte> Bytes, bool Complete)> ReadBoundedAsync(Stream stream, CancellationToken ct)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[81920];
        int read;
        while ((read = await stream.ReadAsync(chunk, ct).ConfigureAwait(false)) > 0)
        {
            if (buffer.Length + read > MaxPatchBytes)
            {
                return (buffer.ToArray(), false);
            }

            buffer.Write(chunk, 0, read);
        }

        return (buffer.ToArray(), true);
    }

    /// <summary>Each file's part begins with <c>diff --git</c> at the start of a line; no line of content does, because those begin with a sign, and control characters in paths are quoted.</summary>
    private static List<string> Split(ReadOnlySpan<byte> patch)
    {
        var parts = new List<string>();
        while (!patch.IsEmpty)
        {
            var next = patch[1..].IndexOf("\ndiff --git "u8);
            var length = next < 0 ? patch.Length : next + 2;
            parts.Add(Encoding.UTF8.GetString(patch[..length]));
            patch = patch[length..];
        }

        return parts;
    }

    private ref struct Fields(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public readonly char Peek() => _rest.IsEmpty ? '\0' : (char)_rest[0];

        public string NextText() => Encoding.UTF8.GetString(Next());

        public string NextPath() => DecodePath(Next());

        private ReadOnlySpan<byte> Next()
        {
            var end = _rest.IndexOf((byte)0);
            if (end < 0)
            {
                throw new InvalidDataException("git's list of changed files ends in the middle.");
            }

            var field = _rest[..end];
            _rest = _rest[(end + 1)..];
            return field;
        }
    }

    internal static string DecodePath(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return s_strictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            var text = new StringBuilder(bytes.Length + 8);
            while (!bytes.IsEmpty)
            {
                if (Rune.DecodeFromUtf8(bytes, out var rune, out var used) == System.Buffers.OperationStatus.Done)
                {
                    text.Append(rune.ToString());
                }
                else
                {
                    foreach (var b in bytes[..used])
                    {
                        text.Append(CultureInfo.InvariantCulture, $"\\x{b:X2}");
                    }
                }

                bytes = bytes[used..];
            }

            return text.ToString();
        }
    }
}
