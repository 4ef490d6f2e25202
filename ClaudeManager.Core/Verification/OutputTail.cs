using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Verification;

/// <summary>Keeps the end of a program's output in bounded memory.</summary>
internal sealed partial class OutputTail
{
    /// <summary>What a tail begins with when there was more before it.</summary>
    public const string Cut = "[…]\n";

    /// <summary>Characters kept for people.</summary>
    public const int MaxShown = 16 * 1024;

    // More than is shown, so that a secret is not cut before it is looked for: what the cut halves lies outside of what is shown.
    private const int MaxHeld = 4 * MaxShown;

    private readonly StringBuilder _text = new();
    private bool _cut;

    public void Append(string line)
    {
        if (line.Length > MaxHeld)
        {
            line = line[^MaxHeld..];
            _cut = true;
        }

        _text.Append(line).Append('\n');
        if (_text.Length > 2 * MaxHeld)
        {
            _text.Remove(0, _text.Length - MaxHeld);
            _cut = true;
        }
    }

    public string Shown(Redactor redactor)
    {
        var text = redactor.Redact(Controls().Replace(Escapes().Replace(_text.ToString(), ""), ""));
        if (!_cut && text.Length <= MaxShown)
        {
            return text;
        }

        var tail = text[^Math.Min(MaxShown, text.Length)..];
        var line = tail.IndexOf('\n', StringComparison.Ordinal);
        return Cut + (line >= 0 && line < tail.Length - 1 ? tail[(line + 1)..] : tail);
    }

    /// <summary>Colours, cursor movement, window titles.</summary>
    [GeneratedRegex(@"\x1B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1B]*(?:\x07|\x1B\\)?|[@-Z\\^_])")]
    private static partial Regex Escapes();

    [GeneratedRegex(@"[\0-\x08\x0B-\x1F\x7F]")]
    private static partial Regex Controls();
}
