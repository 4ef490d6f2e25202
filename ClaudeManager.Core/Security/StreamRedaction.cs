namespace ClaudeManager.Core.Security;

/// <summary>
/// Redacts text that arrives in pieces. What may still become part of a secret is held back: the unfinished last line, and a private key until its end. Not for several threads at once.
/// </summary>
public sealed class StreamRedaction(Redactor redactor)
{
    // A line longer than this is given out without its end, of which enough is kept to complete any token.
    private const int LongLine = 64 * 1024;
    private const int HeldTail = 8 * 1024;

    // Something that looks like one secret of this length is given out as a mask rather than held any longer.
    private const int Largest = 1024 * 1024;

    private const int ClosingLine = 100;

    private string _held = "";

    /// <returns>What is safe to give out now; may be empty.</returns>
    public string Append(string piece)
    {
        _held += piece;
        var cut = _held.LastIndexOf('\n') + 1;
        if (_held.Length - cut > LongLine)
        {
            cut = _held.Length - HeldTail;
        }

        if (cut == 0)
        {
            return "";
        }

        var secrets = redactor.Find(_held);
        foreach (var secret in secrets)
        {
            if (secret.Start < cut && (secret.End > cut || IsUnfinished(secret)))
            {
                cut = secret.End - secret.Start > Largest ? secret.End : secret.Start;
            }
        }

        var given = Redactor.Replace(_held[..cut], [.. secrets.Where(s => s.End <= cut)]);
        _held = _held[cut..];
        return given;
    }

    /// <summary>The rest.</summary>
    public string Complete()
    {
        var rest = redactor.Redact(_held);
        _held = "";
        return rest;
    }

    /// <summary>A private key whose last line has not come yet, or not whole; what follows the match may be the beginning of that line.</summary>
    private bool IsUnfinished(SecretMatch secret)
        => secret.Length < LongLine && _held.Length - secret.End < ClosingLine
           && _held.AsSpan(secret.Start, secret.Length) is var text && text.StartsWith("-----BEGIN ", StringComparison.Ordinal)
           && !(text.Contains("-----END ", StringComparison.Ordinal) && text.EndsWith("-----", StringComparison.Ordinal));
}
