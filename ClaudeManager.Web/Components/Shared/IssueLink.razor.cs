using System.Globalization;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>The issue in which an item is proposed.</summary>
public sealed partial class IssueLink
{
    [Parameter, EditorRequired]
    public required IssueDto Issue { get; set; }

    private string Name => string.Create(CultureInfo.InvariantCulture, $"{Issue.Repository}#{Issue.Number}");
}
