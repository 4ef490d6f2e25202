namespace ClaudeManager.Web;

/// <param name="ApiAddress">Where Api answers, asked when a client is first made: in one process Api may not listen yet while Web is being built. <c>https+http://api</c> is looked up by service discovery.</param>
public sealed record WebSettings(Func<Uri> ApiAddress)
{
    public static WebSettings Discovered { get; } = new(() => new Uri("https+http://api"));
}
