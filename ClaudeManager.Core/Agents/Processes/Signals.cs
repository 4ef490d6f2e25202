using System.Runtime.InteropServices;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>Signals by <c>kill(2)</c>: .NET can only kill, and only single processes.</summary>
internal static partial class Signals
{
    public const int Interrupt = 2;
    public const int Kill = 9;
    public const int Terminate = 15;

    /// <summary>Signals one process. False when it is already gone, or not ours to signal.</summary>
    public static bool Send(int processId, int signal) => processId > 1 && NativeKill(processId, signal) == 0;

    /// <summary>Signals every member of a process group.</summary>
    public static bool SendToGroup(int groupId, int signal) => groupId > 1 && NativeKill(-groupId, signal) == 0;

    public static bool GroupExists(int groupId) => SendToGroup(groupId, 0);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint EffectiveGroupId();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int NativeKill(int pid, int signal);
}
