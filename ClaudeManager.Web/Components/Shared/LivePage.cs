using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A page that shows something of Api's and is kept true by the event feed.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    private static readonly TimeSpan s_refreshInterval = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _gone = new();
    private IDisposable? _subscription;

    // The answer to an act stays until the next act; a live refresh takes back only its own complaint.
    private bool _problemOfLoading;

    [Inject]
    public required ManagerApiClient Api { get; init; }

    [Inject]
    public required EventFeed Feed { get; init; }

    /// <summary>What went wrong last.</summary>
    protected Problem? Problem { get; private set; }

    /// <summary>An act of the viewer's is under way: buttons wait.</summary>
    protected bool Busy { get; private set; }

    /// <summary>Cancelled when the viewer leaves.</summary>
    protected CancellationToken Gone { get; }

    /// <summary>Fetches what the page shows.</summary>
    protected abstract Task LoadAsync(CancellationToken ct);

    /// <summary>Whether an event may have changed what the page shows.</summary>
    protected abstract bool Concerns(ChangeEventDto change);

    protected LivePage() => Gone = _gone.Token;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _subscription?.Dispose();
            _gone.Cancel();
            _gone.Dispose();
        }
    }

    protected override void OnInitialized()
        => _subscription = Feed.Subscribe(Concerns, s_refreshInterval, () => InvokeAsync(async () =>
        {
            await RefreshAsync();
            StateHasChanged();
        }));

    /// <summary>Loads; a failure is shown above what was there before.</summary>
    protected async Task RefreshAsync()
    {
        try
        {
            await LoadAsync(Gone);
            if (_problemOfLoading)
            {
                Problem = null;
            }
        }
        catch (Exception exception) when (Gone.IsCancellationRequested && exception is OperationCanceledException)
        {
            // The viewer has gone elsewhere.
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    /// <summary>Shows that loading failed, until it succeeds.</summary>
    protected void Fail(Exception exception)
    {
        Problem = Problem.From(exception);
        _problemOfLoading = true;
    }

    /// <summary>Does what the viewer asked for. False, and <see cref="Problem"/> says why, when it was not done.</summary>
    protected async Task<bool> ActAsync(Func<CancellationToken, Task> act)
    {
        if (Busy)
        {
            return false;
        }

        Busy = true;
        Problem = null;
        _problemOfLoading = false;
        try
        {
            await act(Gone);
            return true;
        }
        catch (OperationCanceledException) when (Gone.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception exception)
        {
            var problem = Problem.From(exception);
            if (problem.IsStale)
            {
                await RefreshAsync();
            }

            Problem = problem;
            _problemOfLoading = false;
            return false;
        }
        finally
        {
            Busy = false;
        }
    }
}
