using System.Buffers.Binary;

namespace ClaudeManager.Core.Scanning.Trees;

/// <summary>What git's index remembers of a checked-out file: the blob it holds, and its stat data at that time.</summary>
internal readonly record struct IndexEntry(
    ReadOnlyMemory<byte> Path,
    ReadOnlyMemory<byte> BlobId,
    uint ChangedSeconds,
    uint ChangedNanoseconds,
    uint ModifiedSeconds,
    uint ModifiedNanoseconds,
    uint Inode,
    uint Size);

/// <summary>
/// A reader of <c>.git/index</c>, versions 2 to 4 (gitformat-index(5)). git's own commands that would tell which files are clean may rewrite the index; reading it ourselves cannot.
/// Anything unknown or damaged makes the index unusable, never wrong: files are then read from the object store.
/// </summary>
internal sealed class GitIndex
{
    private const ushort AssumeValid = 0x8000;
    private const ushort Extended = 0x4000;
    private const ushort Stage = 0x3000;
    private const ushort SkipWorktreeOrIntentToAdd = 0x6000;

    private readonly List<IndexEntry> _entries;
    private readonly DateTime _writtenAt;

    private GitIndex(List<IndexEntry> entries, DateTime writtenAt) => (_entries, _writtenAt) = (entries, writtenAt);

    public int Count => _entries.Count;

    /// <param name="idLength">Bytes of an object id: 20 or 32.</param>
    /// <returns>Null when there is no index, or none we understand.</returns>
    public static GitIndex? TryRead(string file, int idLength)
    {
        byte[] bytes;
        DateTime writtenAt;
        try
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
            writtenAt = File.GetLastWriteTimeUtc(handle);
            bytes = new byte[RandomAccess.GetLength(handle)];
            if (RandomAccess.Read(handle, bytes, 0) != bytes.Length)
            {
                return null;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return Parse(bytes, idLength) is { } entries ? new GitIndex(entries, writtenAt) : null;
    }

    /// <summary>The entry of a path whose file, if its stat data still are these, surely holds the entry's blob.</summary>
    public bool TryFind(ReadOnlySpan<byte> path, out IndexEntry entry)
    {
        int low = 0, high = _entries.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var order = _entries[middle].Path.Span.SequenceCompareTo(path);
            if (order == 0)
            {
                entry = _entries[middle];
                return !IsRacilyClean(entry);
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        entry = default;
        return false;
    }

    /// <summary>A file written in the same instant as the index, or later, may have been edited after git looked at it (racy-git).</summary>
    private bool IsRacilyClean(IndexEntry entry)
        => DateTime.UnixEpoch.AddSeconds(entry.ModifiedSeconds).AddTicks(entry.ModifiedNanoseconds / 100) >= _writtenAt;

    private static List<IndexEntry>? Parse(byte[] bytes, int idLength)
    {
        const int StatLength = 40;
        ReadOnlySpan<byte> all = bytes;
        if (bytes.Length < 12 + idLength || !all.StartsWith("DIRC"u8))
        {
            return null;
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(all[4..]);
        var count = BinaryPrimitives.ReadUInt32BigEndian(all[8..]);
        var end = bytes.Length - idLength;
        if (version is < 2 or > 4 || count > end / (StatLength + idLength))
        {
            return null;
        }

        var entries = new List<IndexEntry>((int)count);
        var at = 12;
        ReadOnlyMemory<byte> previous = default;
        for (var i = 0u; i < count; i++)
        {
            var start = at;
            var fixedLength = StatLength + idLength + 2;
            if (start + fixedLength + 2 > end)
            {
                return null;
            }

            var stat = all.Slice(start, StatLength);
            var id = bytes.AsMemory(start + StatLength, idLength);
            var flags = BinaryPrimitives.ReadUInt16BigEndian(all[(start + StatLength + idLength)..]);
            ushort more = 0;
            at = start + fixedLength;
            if ((flags & Extended) != 0 && version >= 3)
            {
                more = BinaryPrimitives.ReadUInt16BigEndian(all[at..]);
                at += 2;
            }

            var kept = 0;
            if (version == 4 && !TryReadKept(all[..end], ref at, previous.Length, out kept))
            {
                return null;
            }

            var length = all[at..end].IndexOf((byte)0);
            if (length < 0)
            {
                return null;
            }

            var path = version == 4 ? Join(previous[..kept], all.Slice(at, length)) : bytes.AsMemory(at, length);
            // Versions 2 and 3 pad an entry with 1 to 8 NULs to a multiple of eight.
            at = version == 4 ? at + length + 1 : start + ((at + length - start + 8) & ~7);
            previous = path;
            if ((flags & (AssumeValid | Stage)) == 0 && (more & SkipWorktreeOrIntentToAdd) == 0)
            {
                entries.Add(new IndexEntry(path, id, Number(stat, 0), Number(stat, 4), Number(stat, 8), Number(stat, 12), Number(stat, 20), Number(stat, 36)));
            }
        }

        return ExtensionsAreHarmless(all, at, end) ? entries : null;

        static uint Number(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadUInt32BigEndian(stat[offset..]);
    }

    /// <summary>Version 4 gives how many bytes of the previous path to drop, as an offset varint.</summary>
    private static bool TryReadKept(ReadOnlySpan<byte> all, ref int at, int previousLength, out int kept)
    {
        long dropped = 0;
        kept = 0;
        for (var first = true; ; first = false)
        {
            if (at >= all.Length || dropped > int.MaxValue >> 7)
            {
                return false;
            }

            var b = all[at++];
            dropped = ((first ? 0 : dropped + 1) << 7) | (byte)(b & 0x7f);
            if ((b & 0x80) == 0)
            {
                kept = (int)(previousLength - dropped);
                return kept >= 0;
            }
        }
    }

    private static byte[] Join(ReadOnlyMemory<byte> prefix, ReadOnlySpan<byte> suffix)
    {
        var path = new byte[prefix.Length + suffix.Length];
        prefix.Span.CopyTo(path);
        suffix.CopyTo(path.AsSpan(prefix.Length));
        return path;
    }

    /// <summary>A lower-case name is an extension one must understand: a split index (<c>link</c>) keeps entries elsewhere; sparse directories (<c>sdir</c>) are no files.</summary>
    private static bool ExtensionsAreHarmless(ReadOnlySpan<byte> all, int at, int end)
    {
        while (at < end)
        {
            if (at + 8 > end)
            {
                return false;
            }

            var name = all.Slice(at, 4);
            if (name[0] is < (byte)'A' or > (byte)'Z' && !name.SequenceEqual("sdir"u8))
            {
                return false;
            }

            var size = BinaryPrimitives.ReadUInt32BigEndian(all[(at + 4)..]);
            if (size > end - at - 8)
            {
                return false;
            }

            at += 8 + (int)size;
        }

        return at == end;
    }
}
