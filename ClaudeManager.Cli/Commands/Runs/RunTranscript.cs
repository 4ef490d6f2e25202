using System.Runtime.CompilerServices;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Runs;

/// <summary>A run's stored events in order, as far as they were read.</summary>
internal sealed class RunTranscript(ManagerApiClient api, long runId)
{
    private const int PageSize = 500;

    private long _last;

    /// <summary>What came since the last call.</summary>
    public async IAsyncEnumerable<RunEventDto> ReadNewAsync([EnumeratorCancellation] CancellationToken ct)
    {
        while (true)
        {
            var page = await api.GetRunEventsAsync(runId, _last, PageSize, ct).ConfigureAwait(false);
            foreach (var item in page)
            {
                _last = item.Seq;
                yield return item;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }
        }
    }
}
