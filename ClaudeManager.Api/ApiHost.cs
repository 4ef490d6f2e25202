using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Features.Blocks;
using ClaudeManager.Api.Features.Events;
using ClaudeManager.Api.Features.Fleet;
using ClaudeManager.Api.Features.Outbox;
using ClaudeManager.Api.Features.Repositories;
using ClaudeManager.Api.Features.Runs;
using ClaudeManager.Api.Features.Service;
using ClaudeManager.Api.Features.WorkItems;
using ClaudeManager.Api.Operations;
using ClaudeManager.Api.RateLimiting;
using ClaudeManager.Api.Security;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Api;

/// <summary>The Api as a part: its own Program uses it, and so does the all-in-one.</summary>
public static class ApiHost
{
    /// <summary>Adds what the endpoints need besides Core's services (<c>AddManagerCore</c>).</summary>
    public static WebApplicationBuilder AddApi(this WebApplicationBuilder builder)
    {
        builder.Services.ConfigureHttpJsonOptions(o => ManagerJson.Configure(o.SerializerOptions));
        builder.Services.AddProblemDetails(o => o.CustomizeProblemDetails = Problems.Complete);
        builder.Services.AddExceptionHandler<FaultHandler>();
        builder.Services.AddOpenApi("v1", options => options.AddOperationTransformer(IdempotencyFilter.DescribeAsync));
        builder.Services.AddSingleton<Authentication>(OperationOfRequest.LocalPerson);
        builder.AddLoopbackRequests();
        builder.Services.AddInboundLimits();

        // The longest thing anybody sends is the description of a work item.
        builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = 1024 * 1024);
        return builder;
    }

    public static WebApplication MapApi(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseInboundLimits();
        app.UseLoopbackRequests();
        app.MapOpenApi("/api/{documentName}/openapi.json");
        var api = app.MapGroup("/api/v1").AddEndpointFilter<OperationFilter>().AddEndpointFilter<IdempotencyFilter>().ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status429TooManyRequests).ProducesProblem(StatusCodes.Status500InternalServerError);
        api.MapService();
        api.MapRepositories();
        api.MapWorkItems();
        api.MapRuns();
        api.MapOutbox();
        api.MapBlocks();
        api.MapFleet();
        api.MapEvents();
        return app;
    }
}
