using System.Text;
using System.Text.Unicode;

namespace ClaudeManager.Core.Scanning.Trees;

internal enum TreeEntryKind
{
    File,
    SymbolicLink,
    Submodule,
}

/// <summary>One name in a commit's tree.</summary>
/// <param name="RawPath">The name as git has it: bytes, in any encoding or none.</param>
/// <param name="Path">The same as text. Bytes that are not UTF-8 are written as git quotes them (<c>\351</c>).</param>
internal sealed record TreeEntry(ReadOnlyMemory<byte> RawPath, string Path, string BlobId, TreeEntryKind Kind)
{
    public static TreeEntry Create(ReadOnlyMemory<byte> rawPath, string blobId, ReadOnlySpan<byte> mode)
        => new(rawPath, PathText(rawPath.Span), blobId, mode switch
        {
            _ when mode.SequenceEqual("160000"u8) => TreeEntryKind.Submodule,
            _ when mode.SequenceEqual("120000"u8) => TreeEntryKind.SymbolicLink,
            _ => TreeEntryKind.File,
        });

    public static string PathText(ReadOnlySpan<byte> raw)
    {
        if (Utf8.IsValid(raw))
        {
            return Encoding.UTF8.GetString(raw);
        }

        var text = new StringBuilder(raw.Length + 8);
        while (!raw.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(raw, out var rune, out var consumed) == System.Buffers.OperationStatus.Done)
            {
                text.Append(rune.ToString());
            }
            else
            {
                consumed = 1;
                text.Append('\\').Append(Convert.ToString(raw[0], 8).PadLeft(3, '0'));
            }

            raw = raw[consumed..];
        }

        return text.ToString();
    }
}

/// <summary>What lies between two commits' trees.</summary>
/// <param name="Entries">Entries of the newer tree that are new or differ.</param>
/// <param name="Touched">Every path of either tree that the entries came from or went to.</param>
/// <param name="Renames">New path to old path.</param>
internal sealed record TreeDifference(IReadOnlyList<TreeEntry> Entries, IReadOnlySet<string> Touched, IReadOnlyDictionary<string, string> Renames);
