namespace ClaudeManager.Core.Persistence.Entities;

/// <summary>An answer of GitHub kept for a conditional request. Losing it costs one request, nothing else.</summary>
public sealed class GitHubResponseEntity
{
    /// <summary>SHA-256 of credential, media type and address.</summary>
    public required string Key { get; set; }
    public required string Credential { get; set; }

    /// <summary>Which token the ETag is bound to; never the token.</summary>
    public required string Token { get; set; }
    public string? ETag { get; set; }

    /// <summary>As GitHub sent it: it goes back unchanged.</summary>
    public string? LastModified { get; set; }
    public required string ContentType { get; set; }

    /// <summary>Where the next page is.</summary>
    public string? Link { get; set; }

    /// <summary>Compressed by Brotli.</summary>
    public required byte[] Body { get; set; }
    public DateTimeOffset UsedAt { get; set; }
}

/// <summary>Until when a credential must send nothing, and what it has left, as GitHub said. Every process reads it.</summary>
public sealed class GitHubLimitEntity
{
    public required string Credential { get; set; }

    /// <summary>GitHub's name of the resource, e.g. <c>core</c>; <c>*</c> for all of them.</summary>
    public required string Resource { get; set; }
    public DateTimeOffset? BlockedUntil { get; set; }

    /// <summary>Refusals in a row for which GitHub did not say how long to wait.</summary>
    public int Strikes { get; set; }

    /// <summary>The primary budget; written when a fiftieth of it was spent, not with every request. Null where no answer told it.</summary>
    public int? Limit { get; set; }
    public int? Remaining { get; set; }
    public DateTimeOffset? ResetsAt { get; set; }
}

/// <summary>A moment at which one write was or will be sent. Slots are taken in order by all processes, so nobody has to know of the others.</summary>
public sealed class GitHubWriteEntity
{
    public long Id { get; set; }
    public required string Credential { get; set; }
    public DateTimeOffset At { get; set; }

    /// <summary>It creates content (issue, comment, pull request), of which GitHub allows few.</summary>
    public bool CreatesContent { get; set; }
}
