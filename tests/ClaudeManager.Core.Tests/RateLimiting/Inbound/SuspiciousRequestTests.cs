using ClaudeManager.Core.RateLimiting.Inbound;

namespace ClaudeManager.Core.Tests.RateLimiting.Inbound;

public sealed class SuspiciousRequestTests
{
    [Theory]
    [InlineData("/.env")]
    [InlineData("/.git/config")]
    [InlineData("/api/v1/../../etc/passwd")]
    [InlineData("/api/v1/%2E%2E/secret")]
    [InlineData("/WP-LOGIN.PHP?x=1")]
    [InlineData("/index.php")]
    [InlineData("/a%00b")]
    public void ReasonOf_PathOfAScanner_IsPathScan(string target) => Assert.Equal(SuspiciousRequest.Path, SuspiciousRequest.ReasonOf(target, "Mozilla/5.0"));

    [Theory]
    [InlineData("sqlmap/1.8#stable (https://sqlmap.org)")]
    [InlineData("Mozilla/5.00 (Nikto/2.5.0)")]
    [InlineData("Mozilla/5.0 zgrab/0.x")]
    public void ReasonOf_AgentOfATool_IsAttackTool(string agent) => Assert.Equal(SuspiciousRequest.Tool, SuspiciousRequest.ReasonOf("/", agent));

    [Theory]
    [InlineData("/api/v1/work-items?search=index.php", "Mozilla/5.0 (X11; Linux x86_64)")]
    [InlineData("/api/v1/work-items?search=../.env", "claude-manager/1.0")]
    [InlineData("/", "curl/8.5.0")]
    [InlineData("/", "")]
    public void ReasonOf_WhatPeopleAsk_IsNothing(string target, string agent) => Assert.Null(SuspiciousRequest.ReasonOf(target, agent));
}
