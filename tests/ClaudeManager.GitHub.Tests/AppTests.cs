using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace ClaudeManager.GitHub.Tests;

public sealed class AppTests
{
    private static readonly Dictionary<string, string> s_permissions = new() { ["issues"] = "write", ["contents"] = "read", ["metadata"] = "read" };

    [Fact]
    public async Task Token_OfAnInstallation_ActsAsTheBotWhereItIsInstalledForAnHour()
    {
        await using var ground = await Ground.StartAsync();
        using var key = RSA.Create(2048);
        ground.GitHub.Repository("acme/other").IsPrivate = true;
        var app = ground.GitHub.App("manager", key.ExportRSAPublicKeyPem());
        var installation = ground.GitHub.Install(app, "acme", s_permissions, "app");
        ground.App.IsPrivate = true;

        var found = await ground.GetAsync("repos/acme/app/installation", Jwt(ground, key, app.ClientId));
        var made = await ground.PostAsync($"app/installations/{installation.Id}/access_tokens", new { repositories = new[] { "app" }, permissions = new { issues = "write", contents = "read" } }, Jwt(ground, key, app.ClientId));
        var token = made.Json.GetProperty("token").GetString()!;
        var issue = await ground.PostAsync("repos/acme/app/issues", new { title = "One" }, token);

        Assert.Equal((200, installation.Id), (found.Status, found.Json.GetProperty("id").GetInt64()));
        Assert.True(token.Length > 500);
        Assert.Equal(("manager[bot]", "Bot"), (issue.Json.GetProperty("user").GetProperty("login").GetString(), issue.Json.GetProperty("user").GetProperty("type").GetString()));
        Assert.Equal(404, (await ground.GetAsync("repos/acme/other", token)).Status);
        Assert.Equal(403, (await ground.PostAsync("repos/acme/app/git/refs", new { @ref = "refs/heads/x", sha = new string('a', 40) }, token)).Status);
        Assert.Equal(1, (await ground.GetAsync("installation/repositories", token)).Json.GetProperty("total_count").GetInt32());
        Assert.Equal(200, (await ground.GetAsync("app", Jwt(ground, key, app.ClientId))).Status);
        ground.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(401, (await ground.GetAsync("repos/acme/app", token)).Status);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Theory]
    [InlineData("another key")]
    [InlineData("too long")]
    [InlineData("from the future")]
    [InlineData("expired")]
    [InlineData("another app")]
    [InlineData("no token")]
    public async Task Token_WithABadAssertion_IsRefused(string why)
    {
        await using var ground = await Ground.StartAsync();
        using var key = RSA.Create(2048);
        using var other = RSA.Create(2048);
        var app = ground.GitHub.App("manager", key.ExportRSAPublicKeyPem());
        var installation = ground.GitHub.Install(app, "acme", s_permissions);
        var jwt = why switch
        {
            "another key" => Jwt(ground, other, app.ClientId),
            "too long" => Jwt(ground, key, app.ClientId, expires: 700),
            "from the future" => Jwt(ground, key, app.ClientId, issued: 60),
            "expired" => Jwt(ground, key, app.ClientId, expires: -1),
            "another app" => Jwt(ground, key, "Iv1.other"),
            _ => ground.Token,
        };

        var reply = await ground.PostAsync($"app/installations/{installation.Id}/access_tokens", new { }, jwt);

        Assert.Equal(401, reply.Status);
        Assert.False(reply.Json.TryGetProperty("token", out _));
    }

    private static string Jwt(Ground ground, RSA key, string issuer, int issued = -60, int expires = 540)
    {
        var now = ground.Time.GetUtcNow().ToUnixTimeSeconds();
        var signed = $"{Part(new { alg = "RS256", typ = "JWT" })}.{Part(new { iat = now + issued, exp = now + expires, iss = issuer })}";
        return $"{signed}.{WebEncoders.Base64UrlEncode(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";

        static string Part(object value) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(value));
    }
}
