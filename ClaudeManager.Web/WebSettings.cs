namespace ClaudeManager.Web;

/// <param name="ApiAddress">Where Api answers; <c>https+http://api</c> is looked up by service discovery.</param>
public sealed record WebSettings(Uri ApiAddress)
{
    public static WebSettings Discovered { get; } = new(new Uri("https+http://api"));
}
