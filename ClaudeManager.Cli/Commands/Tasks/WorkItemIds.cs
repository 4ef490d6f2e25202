using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

/// <summary>The numbers of one or several work items.</summary>
internal static class WorkItemIds
{
    public static Argument<long[]> Argument(bool optional = false)
        => new("id") { Description = "The work items' numbers.", Arity = optional ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore };

    /// <summary>The items as they stand; one that is not there is an error before anything is decided.</summary>
    public static async Task<IReadOnlyList<BulkItem>> FindItemsAsync(this ManagerApiClient api, IReadOnlyList<long> ids, CancellationToken ct)
    {
        var items = new List<BulkItem>();
        foreach (var id in ids.Distinct())
        {
            items.Add(new BulkItem(id, (await api.GetWorkItemAsync(id, ct).ConfigureAwait(false)).Item.Version));
        }

        return items;
    }
}
