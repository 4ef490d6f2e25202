using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Repositories;

/// <summary>How far the scan is that runs, or how the last one went and what it cost.</summary>
public sealed partial class ScanStatus
{
    [Parameter, EditorRequired]
    public required RepositoryDto Repository { get; set; }

    private string Cost
    {
        get
        {
            var seconds = Repository.LastScanSeconds is { } time ? string.Create(CultureInfo.InvariantCulture, $", {time:0.0} s") : "";
            var files = Repository.LastScanFilesRead is { } read ? $", {Words.Count(read, "file", "files")} read" : "";
            return seconds + files;
        }
    }
}
