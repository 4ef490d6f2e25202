using System.Text;
using ClaudeManager.Core.Agents.ClaudeCode;

namespace ClaudeManager.Core.Agents.ClaudeFlow;

/// <summary>
/// Tells the events of the Claude Code that claude-flow started from what claude-flow says itself: both come on the same output. It repeats the task, in which anybody may have written lines that look
/// like events, so those count only after the line with which Claude Code is announced.
/// </summary>
/// <param name="announcement">Nobody who wrote the task could know it.</param>
internal sealed class ClaudeFlowOutput(string workspace, string announcement)
{
    private const int MaxLine = 2_000;
    private const int MaxComplaints = 4_000;

    private readonly StringBuilder _complaints = new();

    private bool _announced;

    public ClaudeStream Stream { get; } = new(workspace);

    /// <summary>Its errors and warnings, and everything on standard error.</summary>
    public string Complaints => _complaints.ToString();

    public IEnumerable<AgentEvent> Read(string line, bool isError)
    {
        if (!isError && line == announcement)
        {
            _announced = true;
            return [];
        }

        if (!isError && _announced && line.StartsWith('{'))
        {
            return Stream.Read(line);
        }

        var shown = line.Trim();
        if (shown.Length == 0)
        {
            return [];
        }

        shown = shown.Length <= MaxLine ? shown : shown[..MaxLine] + "…";
        if ((isError || shown.StartsWith("[ERROR]", StringComparison.Ordinal) || shown.StartsWith("[WARN", StringComparison.Ordinal)) && _complaints.Length < MaxComplaints)
        {
            _complaints.AppendLine(shown);
        }

        return [new AgentEvent("output", shown)];
    }
}
