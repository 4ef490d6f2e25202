using System.Globalization;
using System.Text;

namespace ClaudeManager.Core.Publishing;

/// <summary>The marker in the message of a result commit, by which a publication that was interrupted is found again instead of being made twice.</summary>
public sealed record ResultTrailers(long WorkItemId, long RunId, string BaseCommit)
{
    private const int MaxSubject = 72;

    /// <summary>
    /// The message of the one commit of a run. The title is text of anyone: it becomes one line without control characters, and the body is ours, so that nothing in it can pass for a trailer or
    /// for the start of a patch.
    /// </summary>
    /// <param name="signOff"><c>Name &lt;email&gt;</c> for a <c>Signed-off-by</c>, or null.</param>
    public string Message(string title, string? signOff = null)
    {
        var message = new StringBuilder(Subject(title));
        message.Append(CultureInfo.InvariantCulture, $"\n\nClaude-Manager-Item: {WorkItemId}\nClaude-Manager-Run: {RunId}\nClaude-Manager-Base: {BaseCommit}\n");
        if (signOff is not null)
        {
            message.Append(CultureInfo.InvariantCulture, $"Signed-off-by: {signOff}\n");
        }

        return message.ToString();
    }

    /// <summary>Whether these are the trailers of a message, as git prints them with <c>%(trailers:only,unfold)</c>.</summary>
    internal bool AreIn(string trailers)
    {
        var lines = trailers.Split('\n');
        return lines.Contains(string.Create(CultureInfo.InvariantCulture, $"Claude-Manager-Item: {WorkItemId}"))
            && lines.Contains(string.Create(CultureInfo.InvariantCulture, $"Claude-Manager-Run: {RunId}"))
            && lines.Contains($"Claude-Manager-Base: {BaseCommit}");
    }

    private static string Subject(string title)
    {
        var subject = string.Join(' ', new string([.. title.Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) == UnicodeCategory.Format ? ' ' : c)])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        if (subject.Length > MaxSubject)
        {
            var cut = subject.LastIndexOf(' ', MaxSubject - 1);
            cut = cut < MaxSubject / 2 ? MaxSubject - 1 : cut;
            subject = subject[..(char.IsHighSurrogate(subject[cut - 1]) ? cut - 1 : cut)].TrimEnd() + "…";
        }

        return subject.Length == 0 ? "Work" : subject;
    }
}
