using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.Repositories;

public sealed partial class RepositoriesPage
{
    private const int AtOnce = 50;

    private int _take = AtOnce;
    private Page<RepositoryDto>? _page;

    [Inject]
    public required ISnackbar Snackbar { get; init; }

    protected override Task OnInitializedAsync() => RefreshAsync();

    protected override async Task LoadAsync(CancellationToken ct) => _page = await Api.ListRepositoriesAsync(0, _take, ct);

    protected override bool Concerns(ChangeEventDto change) => change.SubjectType == "repository" || change.Type.StartsWith("work_item.", StringComparison.Ordinal);

    private Task MoreAsync()
    {
        _take += AtOnce;
        return RefreshAsync();
    }

    private Task<bool> ScanAsync(RepositoryDto repository) => ActAsync(async ct =>
    {
        var result = await Api.ScanRepositoryAsync(repository.Id, full: false, propose: null, ct);
        Snackbar.Add(ScanSummary.Of(result), result.Error is null ? Severity.Success : Severity.Error);
        await LoadAsync(ct);
    });
}
