using MudBlazor;

namespace ClaudeManager.Web.Components.Layout;

/// <summary>Quiet greys and one petrol accent; colour is kept for what has a meaning.</summary>
internal static class Theme
{
    private static readonly string[] s_font = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "Liberation Sans", "sans-serif"];

    public static MudTheme Instance { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#0b6a6a",
            PrimaryContrastText = "#ffffff",
            Secondary = "#4c5b66",
            Info = "#2260ad",
            Success = "#1f7845",
            Warning = "#925c00",
            Error = "#b0332a",
            Background = "#f5f6f6",
            Surface = "#ffffff",
            TextPrimary = "#1a2024",
            TextSecondary = "#58636c",
            ActionDefault = "#58636c",
            LinesDefault = "#e0e4e6",
            LinesInputs = "#b9c1c7",
            Divider = "#e0e4e6",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#63c5bf",
            PrimaryContrastText = "#05211f",
            Secondary = "#9aa7b0",
            Info = "#7fb0f2",
            Success = "#72c493",
            Warning = "#e0b46c",
            Error = "#f0928a",
            Background = "#0f1315",
            Surface = "#161b1e",
            TextPrimary = "#e3e8ea",
            TextSecondary = "#98a4ac",
            ActionDefault = "#98a4ac",
            LinesDefault = "#273035",
            LinesInputs = "#46525a",
            Divider = "#273035",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "6px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = s_font, FontSize = "13.5px", LineHeight = "1.5", LetterSpacing = "0" },
            Body1 = new Body1Typography { FontFamily = s_font, FontSize = "13.5px", LineHeight = "1.5", LetterSpacing = "0" },
            Body2 = new Body2Typography { FontFamily = s_font, FontSize = "13px", LineHeight = "1.5", LetterSpacing = "0" },
            H6 = new H6Typography { FontFamily = s_font, FontSize = "16px", FontWeight = "650", LineHeight = "1.4", LetterSpacing = "0" },
            Button = new ButtonTypography { FontFamily = s_font, FontSize = "13px", FontWeight = "600", TextTransform = "none", LetterSpacing = "0" },
        },
    };
}
