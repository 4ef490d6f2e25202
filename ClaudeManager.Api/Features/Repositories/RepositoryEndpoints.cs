using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Repositories;

internal static class RepositoryEndpoints
{
    public static void MapRepositories(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/repositories").WithTags("Repositories").ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status400BadRequest);
        group.MapGet("", ListAsync).WithOperation(OperationCatalog.ListRepositories);
        group.MapPost("", AddAsync).WithOperation(OperationCatalog.AddRepository).WithSummary("Registers a repository: a path, or owner/name on GitHub; its first scan waits for an operator");
        group.MapPost("/sample", AddSampleAsync).WithOperation(OperationCatalog.AddSampleRepository).WithSummary("Makes the sample repository, or gives the one there is");
        group.MapPost("/preview", PreviewPathAsync).WithOperation(OperationCatalog.PreviewPath).WithSummary("Dry run of a repository that need not be registered; writes nothing");
        group.MapPost("/scan", ScanAllAsync).WithOperation(OperationCatalog.ScanAllRepositories).WithSummary("Registers what the configuration names, then scans every repository in one round");
        group.MapGet("/{id:long}", GetAsync).WithOperation(OperationCatalog.GetRepository);
        group.MapDelete("/{id:long}", RemoveAsync).WithOperation(OperationCatalog.RemoveRepository);
        group.MapGet("/{id:long}/preview", PreviewAsync).WithOperation(OperationCatalog.PreviewRepository).WithSummary("What a scan would propose; writes nothing");
        group.MapPost("/{id:long}/accept", AcceptAsync).WithOperation(OperationCatalog.AcceptRepository).WithSummary("Lets the findings of the first scan be proposed");
        group.MapPost("/{id:long}/scan", ScanAsync).WithOperation(OperationCatalog.ScanRepository).WithSummary("Scans now");
    }

    internal static async Task<Results<Ok<Page<RepositoryDto>>, ProblemHttpResult>> ListAsync(RepositoryRegistry repositories, CancellationToken ct, int skip = 0, int take = 50)
    {
        if (ListQuery.Check(skip, take) is { } refusal)
        {
            return refusal.ToProblem();
        }

        return TypedResults.Ok(await repositories.ListAsync(skip, take, ct));
    }

    internal static async Task<Results<Ok<RepositoryDto>, ProblemHttpResult>> AddAsync(RepositoryRegistry repositories, HttpContext http, AddRepositoryRequest request, CancellationToken ct) => (await repositories.AddAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<Results<Ok<RepositoryDto>, ProblemHttpResult>> AddSampleAsync(RepositoryRegistry repositories, HttpContext http, CancellationToken ct) => (await repositories.AddSampleAsync(http.Operation(), ct)).ToResult();

    internal static async Task<Results<Ok<RepositoryDto>, ProblemHttpResult>> GetAsync(RepositoryRegistry repositories, long id, CancellationToken ct) => (await repositories.GetAsync(id, ct)).ToResult();

    internal static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(RepositoryRegistry repositories, HttpContext http, long id, CancellationToken ct)
        => await repositories.RemoveAsync(http.Operation(), id, ct) is { } refusal ? refusal.ToProblem() : TypedResults.NoContent();

    internal static async Task<Results<Ok<ScanPreviewDto>, ProblemHttpResult>> PreviewPathAsync(ScanService scans, AddRepositoryRequest request, CancellationToken ct, bool explain = false) => (await scans.PreviewAsync(request.Path, request.Branch, explain, ct)).ToResult();

    internal static async Task<Results<Ok<ScanPreviewDto>, ProblemHttpResult>> PreviewAsync(ScanService scans, long id, CancellationToken ct, bool explain = false) => (await scans.PreviewAsync(id, explain, ct)).ToResult();

    internal static async Task<Results<Ok<ScanResultDto>, ProblemHttpResult>> AcceptAsync(RepositoryRegistry repositories, HttpContext http, long id, CancellationToken ct) => (await repositories.AcceptAsync(http.Operation(), id, ct)).ToResult();

    internal static async Task<Ok<IReadOnlyList<ScanResultDto>>> ScanAllAsync(RepositoryRegistry repositories, HttpContext http, bool? propose, CancellationToken ct, bool full = false) => TypedResults.Ok(await repositories.ScanAllAsync(http.Operation(), full, propose, ct));

    internal static async Task<Results<Ok<ScanResultDto>, ProblemHttpResult>> ScanAsync(ScanService scans, HttpContext http, long id, bool? propose, CancellationToken ct, bool full = false) => (await scans.ScanAsync(http.Operation(), id, full, propose, ct)).ToResult();
}
