using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Repositories;

/// <summary>How far a running scan is, and how long it will take. Inline content only: it stands in sentences.</summary>
public sealed partial class ScanProgress
{
    [Parameter, EditorRequired]
    public required ScanProgressDto Scan { get; set; }

    private string Numbers
    {
        get
        {
            if (Scan.TotalFiles is not { } total)
            {
                return "Listing files…";
            }

            List<string> parts = [$"{Words.Count(Scan.Files)} of {Words.Count(total, "file", "files")}", Words.Count(Scan.Findings, "finding", "findings")];
            if (Scan.FilesPerSecond is { } rate)
            {
                parts.Add(rate < 10 ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} files/s") : $"{Words.Count((int)rate)} files/s");
            }

            if (Scan.RemainingSeconds is { } left)
            {
                parts.Add($"{Durations.Rough(TimeSpan.FromSeconds(Math.Ceiling(left)))} left");
            }

            return string.Join(" · ", parts);
        }
    }
}
