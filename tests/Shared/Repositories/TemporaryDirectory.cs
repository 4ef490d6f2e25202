namespace ClaudeManager.Tests.Shared.Repositories;

/// <summary>A folder of its own under the system's temporary folder, gone with everything in it when disposed.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("claude-manager-test-").FullName;

    public string Combine(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose()
    {
        // git writes its objects read-only, which only Windows minds.
        Directory.Delete(Path, recursive: true);
    }
}
