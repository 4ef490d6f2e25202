using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ClaudeManager.Core.Scanning.Trees;

/// <summary>
/// Reads checked-out files that still are what the index remembers. Linux only: <c>openat2</c> opens beneath the top folder and refuses every link on the way in the kernel,
/// and the stat data are those of the very file that is read, so there is no moment to swap one for another. Elsewhere there is none, and the object store is read.
/// </summary>
internal sealed unsafe partial class WorkingTree : IDisposable
{
    private const int OpenAt2Number = 437;
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const ulong NoMagicLinksNoLinksBeneath = 0x02 | 0x04 | 0x08;
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7ff;
    private const int Interrupted = 4;
    private const int CurrentDirectory = -100;

    private readonly GitIndex _index;
    private readonly SafeFileHandle _top;

    private WorkingTree(GitIndex index, SafeFileHandle top) => (_index, _top) = (index, top);

    /// <summary>Null where the system or the index does not allow it.</summary>
    public static WorkingTree? TryOpen(string top, string gitDirectory, int idLength)
    {
        if (!OperatingSystem.IsLinux() || GitIndex.TryRead(Path.Combine(gitDirectory, "index"), idLength) is not { } index)
        {
            return null;
        }

        var handle = Open(CurrentDirectory, System.Text.Encoding.UTF8.GetBytes(top), new OpenHow { Flags = CloseOnExec });
        return handle is not null && CanStat(handle) ? new WorkingTree(index, handle) : null;
    }

    /// <summary>statx is younger than some C libraries still in use.</summary>
    private static bool CanStat(SafeFileHandle file)
    {
        try
        {
            return TryStat(file, out _);
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Reads the file of <paramref name="entry"/> into <paramref name="buffer"/> if it surely holds the entry's blob.</summary>
    /// <param name="blobId">The entry's id as bytes.</param>
    /// <param name="buffer">Grown as needed, up to <paramref name="maximum"/>.</param>
    /// <returns>False: read the object store instead.</returns>
    public bool TryRead(TreeEntry entry, ReadOnlySpan<byte> blobId, int maximum, ref byte[] buffer, out int length)
    {
        length = 0;
        if (!_index.TryFind(entry.RawPath.Span, out var known) || !known.BlobId.Span.SequenceEqual(blobId) || known.Size > maximum)
        {
            return false;
        }

        using var file = Open((int)_top.DangerousGetHandle(), entry.RawPath.Span, new OpenHow { Flags = CloseOnExec | NonBlocking, Resolve = NoMagicLinksNoLinksBeneath });
        if (file is null || !IsUnchanged(file, known))
        {
            return false;
        }

        if (buffer.Length < known.Size)
        {
            buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min((uint)maximum, Math.Max(known.Size, 2u * (uint)buffer.Length)));
        }

        length = (int)known.Size;
        return ReadFully(file, buffer.AsSpan(0, length));
    }

    public void Dispose() => _top.Dispose();

    private static bool IsUnchanged(SafeFileHandle file, in IndexEntry known)
    {
        const int RegularFile = 0x8000;
        const int KindOfFile = 0xf000;
        return TryStat(file, out var stat)
            && (stat.Mode & KindOfFile) == RegularFile
            && stat.Size == known.Size
            && (uint)stat.Inode == known.Inode
            && (uint)stat.Modified.Seconds == known.ModifiedSeconds
            && stat.Modified.Nanoseconds == known.ModifiedNanoseconds
            && (uint)stat.Changed.Seconds == known.ChangedSeconds
            && stat.Changed.Nanoseconds == known.ChangedNanoseconds;
    }

    private static bool TryStat(SafeFileHandle file, out Stat stat)
    {
        byte empty = 0;
        fixed (Stat* into = &stat)
        {
            return StatFile((int)file.DangerousGetHandle(), &empty, EmptyPath, BasicStats, into) == 0;
        }
    }

    private static SafeFileHandle? Open(int directory, ReadOnlySpan<byte> path, OpenHow how)
    {
        Span<byte> terminated = path.Length < 512 ? stackalloc byte[path.Length + 1] : new byte[path.Length + 1];
        path.CopyTo(terminated);
        terminated[^1] = 0;
        fixed (byte* name = terminated)
        {
            var descriptor = OpenAt2(OpenAt2Number, directory, name, &how, sizeof(OpenHow));
            return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }

    private static bool ReadFully(SafeFileHandle file, Span<byte> into)
    {
        while (!into.IsEmpty)
        {
            nint read;
            fixed (byte* start = into)
            {
                read = Read((int)file.DangerousGetHandle(), start, into.Length);
            }

            if (read <= 0)
            {
                if (read < 0 && Marshal.GetLastPInvokeError() == Interrupted)
                {
                    continue;
                }

                return false;
            }

            into = into[(int)read..];
        }

        return true;
    }

    // The kernel gives openat2 one number on every architecture .NET runs on; libc has no wrapper for it.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint OpenAt2(nint number, nint directory, byte* path, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "statx")]
    private static partial int StatFile(int directory, byte* path, int flags, uint mask, Stat* stat);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, byte* buffer, nint count);

    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    /// <summary><c>struct statx</c>: the same on every architecture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Stat
    {
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public ulong Inode;
        [FieldOffset(40)]
        public ulong Size;
        [FieldOffset(96)]
        public Time Changed;
        [FieldOffset(112)]
        public Time Modified;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Unused;
    }
}
