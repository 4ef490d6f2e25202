namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

internal static class Text
{
    /// <summary>Without the byte order mark, which JSON readers refuse.</summary>
    public static ReadOnlyMemory<byte> WithoutMark(byte[] content) => content.AsSpan().StartsWith("\uFEFF"u8) ? content.AsMemory(3) : content;
}
