using System.Buffers.Text;
using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Scanning.Trees;

/// <summary>One <c>git cat-file --batch</c> and what it answers. Synchronous: it has a thread of its own, and the wait is for git to inflate.</summary>
internal sealed partial class ObjectReader : IDisposable
{
    private readonly Process _process;
    private readonly Stream _input;
    private readonly Stream _output;
    private readonly CancellationTokenRegistration _onCancel;
    private readonly CancellationToken _ct;
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(1 << 17);
    private int _start;
    private int _end;

    public ObjectReader(string repository, CancellationToken ct)
    {
        _process = GitCommand.Start(repository, ["cat-file", "--batch"]);
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        _input = _process.StandardInput.BaseStream;
        _output = _process.StandardOutput.BaseStream;
        WidenPipe(_output);
        _ct = ct;
        _onCancel = ct.Register(static process => Kill((Process)process!), _process);
    }

    /// <summary>Asks for objects; the answers come in the same order.</summary>
    public void Ask(IEnumerable<string> ids)
    {
        var request = new StringBuilder();
        foreach (var id in ids)
        {
            request.Append(id).Append('\n');
        }

        try
        {
            _input.Write(Encoding.ASCII.GetBytes(request.ToString()));
            _input.Flush();
        }
        catch (IOException)
        {
            // git has died, e.g. of a damaged pack; the next answer says so.
        }
    }

    /// <summary>The next answer.</summary>
    /// <param name="content">Valid until the next call; empty unless <see cref="ObjectAnswer.Found"/>.</param>
    /// <param name="maximum">Greater objects are read past.</param>
    public ObjectAnswer Next(int maximum, out ReadOnlySpan<byte> content)
    {
        content = default;
        int newline;
        while ((newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n')) < 0)
        {
            if (!Fill())
            {
                return ObjectAnswer.Died;
            }
        }

        // "<id> blob <size>", or "<id> missing" and its like.
        var header = _buffer.AsSpan(_start, newline);
        _start += newline + 1;
        var last = header.LastIndexOf((byte)' ');
        if (!Utf8Parser.TryParse(header[(last + 1)..], out long size, out _))
        {
            return ObjectAnswer.Missing;
        }

        if (size > maximum)
        {
            return Skip(size + 1) ? ObjectAnswer.TooLarge : ObjectAnswer.Died;
        }

        var length = (int)size;
        while (_end - _start < length + 1)
        {
            if (!Fill(length + 1))
            {
                return ObjectAnswer.Died;
            }
        }

        content = _buffer.AsSpan(_start, length);
        _start += length + 1;
        return ObjectAnswer.Found;
    }

    public void Dispose()
    {
        _onCancel.Dispose();
        Kill(_process);
        _process.Dispose();
    }

    private bool Skip(long count)
    {
        while (true)
        {
            var here = (int)Math.Min(count, _end - _start);
            _start += here;
            count -= here;
            if (count == 0)
            {
                return true;
            }

            if (!Fill())
            {
                return false;
            }
        }
    }

    private bool Fill(int wanted = 0)
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }

        if (_end == _buffer.Length || _buffer.Length - _start < wanted)
        {
            var target = _buffer;
            if (_buffer.Length < wanted || _start == 0)
            {
                target = GC.AllocateUninitializedArray<byte>(Math.Max(wanted, 2 * _buffer.Length));
            }

            Buffer.BlockCopy(_buffer, _start, target, 0, _end - _start);
            (_buffer, _end, _start) = (target, _end - _start, 0);
        }

        var read = _output.Read(_buffer, _end, _buffer.Length - _end);
        _ct.ThrowIfCancellationRequested();
        _end += read;
        return read > 0;
    }

    /// <summary>With the usual 64 KiB git and we hand over some ten thousand times for a large tree, and each time wait for a turn on a busy machine. Refused: it stays as it was.</summary>
    private static void WidenPipe(Stream stream)
    {
        const int SetPipeSize = 1031;
        const int LargestUnprivileged = 1 << 20;
        if (OperatingSystem.IsLinux() && stream is PipeStream pipe)
        {
            _ = ControlFile((int)pipe.SafePipeHandle.DangerousGetHandle(), SetPipeSize, LargestUnprivileged);
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int ControlFile(int descriptor, int command, int argument);

    private static void Kill(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }
}

internal enum ObjectAnswer
{
    Found,
    TooLarge,

    /// <summary>Not in the store: a partial clone, or damage.</summary>
    Missing,

    /// <summary>git ended instead of answering.</summary>
    Died,
}
