using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.GitHub;

/// <summary><c>owner/name</c> by GitHub's rules, so it can stand in an address as it is. Equal whatever the case, as on GitHub.</summary>
public readonly partial record struct RepositoryName
{
    private RepositoryName(string owner, string name) => (Owner, Name) = (owner, name);

    public string Owner { get; }

    public string Name { get; }

    public static RepositoryName Parse(string text)
        => TryParse(text, out var name) ? name : throw new FormatException($"'{text}' is no owner/name of a repository.");

    public static bool TryParse([NotNullWhen(true)] string? text, out RepositoryName name)
    {
        var match = FullName().Match(text ?? "");
        name = match.Success ? new RepositoryName(match.Groups["owner"].Value, match.Groups["name"].Value) : default;
        return match.Success && name.Name is not ("." or "..");
    }

    public bool Equals(RepositoryName other)
        => string.Equals(Owner, other.Owner, StringComparison.OrdinalIgnoreCase) && string.Equals(Name, other.Name, StringComparison.OrdinalIgnoreCase);

    public override int GetHashCode() => StringComparer.OrdinalIgnoreCase.GetHashCode(ToString());

    public override string ToString() => $"{Owner}/{Name}";

    // The underscore in owners: enterprise-managed users are called name_company.
    [GeneratedRegex(@"\A(?<owner>[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}))/(?<name>[A-Za-z0-9._-]{1,100})\z", RegexOptions.CultureInvariant)]
    private static partial Regex FullName();
}
