using ClaudeManager.Core.Configuration;

namespace ClaudeManager.Cli.Connection;

/// <summary>Proof that this process alone owns a data directory. The operating system takes it back however the process ends.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    /// <returns>Null when another process has it.</returns>
    public static DataDirectoryLock? TryAcquire(DataDirectory data)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(data.Root);
        }
        else
        {
            Directory.CreateDirectory(data.Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        try
        {
            return new DataDirectoryLock(new FileStream(data.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException) when (File.Exists(data.LockFile))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
