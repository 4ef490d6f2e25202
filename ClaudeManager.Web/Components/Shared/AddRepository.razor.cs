using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>Path and branch, then what would be proposed, then the one decision.</summary>
public sealed partial class AddRepository : IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private string _path = "";
    private string _branch = "";
    private bool _busy;
    private AddRepositoryRequest? _previewed;
    private ScanPreviewDto? _preview;
    private Problem? _problem;

    [Inject]
    public required ManagerApiClient Api { get; init; }

    [Parameter, EditorRequired]
    public EventCallback<RepositoryDto> Added { get; set; }

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    private Task PreviewAsync() => TryAsync(async ct =>
    {
        _preview = null;
        var request = new AddRepositoryRequest(_path.Trim(), string.IsNullOrWhiteSpace(_branch) ? null : _branch.Trim());
        _preview = await Api.PreviewPathAsync(request, explain: false, ct);
        _previewed = request;
    });

    /// <summary>Adds what was previewed, whatever stands in the fields by now.</summary>
    private Task AcceptAsync() => TryAsync(async ct => await Added.InvokeAsync(await Api.AddRepositoryAsync(_previewed! with { Propose = true }, ct)));

    private async Task TryAsync(Func<CancellationToken, Task> act)
    {
        if (_busy)
        {
            return;
        }

        _busy = true;
        _problem = null;
        try
        {
            await act(_gone.Token);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // The viewer has gone elsewhere.
        }
        catch (Exception exception)
        {
            _problem = Problem.From(exception);
        }
        finally
        {
            _busy = false;
        }
    }
}
