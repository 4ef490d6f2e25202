using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.WorkItems;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Service;

internal static class ServiceEndpoints
{
    public static void MapService(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("").WithTags("Service");
        group.MapGet("/service", Service).WithOperation(OperationCatalog.GetService).WithSummary("What runs here");
        group.MapGet("/overview", OverviewAsync).WithOperation(OperationCatalog.GetOverview).WithSummary("What needs a person now, what runs, what happened");
        group.MapGet("/instances", InstancesAsync).WithOperation(OperationCatalog.ListInstances).WithSummary("The processes of the fleet");
        group.MapGet("/database", DatabaseAsync).WithOperation(OperationCatalog.GetDatabaseStatus).WithSummary("Provider, migrations, lock");
    }

    internal static Ok<ServiceInfoDto> Service(ServiceDescription service) => TypedResults.Ok(service.Describe());

    internal static async Task<Ok<OverviewDto>> OverviewAsync(OverviewReader overview, CancellationToken ct) => TypedResults.Ok(await overview.ReadAsync(ct));

    internal static async Task<Ok<IReadOnlyList<InstanceDto>>> InstancesAsync(InstanceRegistry instances, CancellationToken ct) => TypedResults.Ok(await instances.ListAsync(ct));

    internal static async Task<Ok<DatabaseStatusDto>> DatabaseAsync(DatabaseAdministration database, CancellationToken ct) => TypedResults.Ok(await database.GetStatusAsync(ct));
}
