using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Repositories;

public sealed partial class AddRepositoryPage
{
    [Inject]
    public required NavigationManager Navigation { get; init; }

    private void OnAdded(RepositoryDto repository) => Navigation.NavigateTo($"/repositories/{repository.Id}");
}
