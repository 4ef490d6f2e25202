namespace ClaudeManager.Core.Scanning;

/// <summary>How far a scan has come: counted by the threads that scan, looked at from beside. Nobody ever waits for it.</summary>
public sealed class ScanProgress
{
    private int _files;
    private int _expected = -1;
    private int _findings;

    /// <summary>Files that need not be looked at any more: read, found unreadable, or known to hold nothing.</summary>
    public int Files => Volatile.Read(ref _files);

    /// <summary>Null until a scanner has said what it will read. For an incremental scan the changed files.</summary>
    public int? TotalFiles => Volatile.Read(ref _expected) is >= 0 and var expected ? expected : null;

    public int Findings => Volatile.Read(ref _findings);

    /// <summary>A scanner is about to read so many files; several scanners add up.</summary>
    public void Expect(int files)
    {
        Interlocked.CompareExchange(ref _expected, 0, -1);
        Interlocked.Add(ref _expected, files);
    }

    public void Done(int files = 1) => Interlocked.Add(ref _files, files);

    public void Found(int findings)
    {
        if (findings > 0)
        {
            Interlocked.Add(ref _findings, findings);
        }
    }
}
