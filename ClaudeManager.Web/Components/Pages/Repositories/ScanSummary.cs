using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;

namespace ClaudeManager.Web.Components.Pages.Repositories;

internal static class ScanSummary
{
    /// <summary>A finished scan in one sentence.</summary>
    public static string Of(ScanResultDto result) => result.Error is not null
        ? $"{result.Repository}: the scan failed. {result.Error}"
        : string.Create(CultureInfo.InvariantCulture, $"{result.Repository}: {Words.Count(result.Found, "finding", "findings")}, {result.New} new, {result.Closed} gone, {result.Proposed} proposed, in {result.Seconds:0.0} s.");
}
