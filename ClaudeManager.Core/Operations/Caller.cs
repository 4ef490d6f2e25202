namespace ClaudeManager.Core.Operations;

/// <summary>What somebody may do. Each operation needs one of them; a role is a set.</summary>
[Flags]
public enum Permissions
{
    None = 0,

    /// <summary>Look.</summary>
    Read = 1,

    /// <summary>Scan, write, snooze, cancel, repair.</summary>
    Operate = 2,

    /// <summary>Decide what agents may do.</summary>
    Approve = 4,

    /// <summary>The store, and who may come in.</summary>
    Administer = 8,

    /// <summary>What the product does by itself; nobody can ask for it from outside.</summary>
    Work = 16,

    /// <summary>Whatever a person can be allowed.</summary>
    Everything = Read | Operate | Approve | Administer,
}

/// <summary>Who is at the other end: a person or <c>system:&lt;component&gt;</c>, what they may do, and for requests from outside their address and agent.</summary>
public sealed record Caller(string Actor, Permissions Permissions, string? Address = null, string? Client = null)
{
    /// <summary>A part of the product: it may do its work, and nothing that a person decides.</summary>
    public static Caller System(string component) => new("system:" + component, Permissions.Work);

    /// <summary>Who acts until sign-in exists: whoever sits at this machine, since nothing but loopback is open.</summary>
    public static Caller LocalPerson(string? address = null, string? client = null) => new("local:" + Environment.UserName, Permissions.Everything, address, client);

    public bool May(OperationDescriptor operation) => (Permissions & operation.Needs) == operation.Needs;
}
