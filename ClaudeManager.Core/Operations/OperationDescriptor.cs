namespace ClaudeManager.Core.Operations;

/// <summary>How much an operation costs, and whether it changes anything.</summary>
public enum OperationClass
{
    /// <summary>Changes nothing and is not audited.</summary>
    Read,

    /// <summary>Changes something; the change is audited in its own transaction.</summary>
    Change,

    /// <summary>Makes the service work long, whether it changes anything or not: clients have fewer of these.</summary>
    Heavy,
}

/// <summary>What is known of an operation before it runs. <see cref="OperationCatalog"/> has all of them.</summary>
/// <param name="Name">Also the endpoint's name and a tag of metrics, e.g. <c>work_items.approve</c>.</param>
/// <param name="Needs">What its caller must be allowed.</param>
public sealed record OperationDescriptor(string Name, Permissions Needs, OperationClass Class);
