using System.Buffers;

namespace ClaudeManager.Core.RateLimiting.Inbound;

/// <summary>
/// Requests nobody sends who uses this service: paths of other people's software, ways out of the web root, and programs that say themselves that they attack. They are cheap to hide, so this keeps out the
/// noise of the internet and nothing more; nothing here decides what a request may do.
/// </summary>
public static class SuspiciousRequest
{
    public const string Path = "path_scan";
    public const string Tool = "attack_tool";

    private static readonly SearchValues<string> s_paths = SearchValues.Create(
    [
        "/.env", "/.git", "/.svn", "/.hg", "/.aws", "/.ssh", "/.htaccess", "/.htpasswd", "/.ds_store", "/.vscode",
        "/wp-", "/wordpress", "/xmlrpc", "/phpmyadmin", "/pma/", "/phpunit", "/cgi-bin", "/server-status", "/actuator", "/solr/", "/boaform", "/hnap1", "/owa/", "/manager/html", "/jenkins", "/_ignition",
        ".php", ".asp", ".jsp", ".cgi", "/etc/passwd", "/win.ini", "../", "..\\", "..%2f", "%2e%2e", "..%5c", "%00",
    ], StringComparison.OrdinalIgnoreCase);

    private static readonly SearchValues<string> s_tools = SearchValues.Create(
    [
        "sqlmap", "nikto", "nmap", "masscan", "zgrab", "gobuster", "dirbuster", "feroxbuster", "ffuf", "wfuzz", "wpscan", "nuclei", "acunetix", "netsparker", "openvas", "nessus", "w3af", "arachni", "havij", "jorgee", "hydra",
    ], StringComparison.OrdinalIgnoreCase);

    /// <param name="target">The request target as it was sent, e.g. <c>/a/../b?c=d</c>.</param>
    /// <returns>The reason, or null for nothing suspicious.</returns>
    public static string? ReasonOf(ReadOnlySpan<char> target, ReadOnlySpan<char> userAgent)
    {
        // What follows is data of the caller's own, e.g. a search for ".php".
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        return path.ContainsAny(s_paths) ? Path : userAgent.ContainsAny(s_tools) ? Tool : null;
    }
}
