using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace ClaudeManager.Tests.Shared.GitHub.Rest;

/// <summary>What an App does as itself, with a JSON web token of its private key, before it has a token of an installation.</summary>
internal static class AppRoutes
{
    private const string Installations = "/app/installations";

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", "/app", call => Answer.Json(200, App(call, Authenticate(call))));
        routes.Add("GET", Installations, call => Authenticate(call) is var app ? call.Page([.. call.World.Installations.Values.Where(i => i.App == app)], call.Shapes.Installation) : throw Call.NotFound());
        routes.Add("GET", Installations + "/{installation_id}", call => Answer.Json(200, call.Shapes.Installation(One(call))));
        routes.Add("POST", Installations + "/{installation_id}/access_tokens", CreateToken);
        routes.Add("GET", "/repos/{owner}/{repo}/installation", OfRepository);
        routes.Add("GET", "/installation/repositories", Repositories);
    }

    public static bool IsForApps(string path) => path == "/app" || path.StartsWith("/app/", StringComparison.Ordinal) || (path.StartsWith("/repos/", StringComparison.Ordinal) && path.EndsWith("/installation", StringComparison.Ordinal));

    private static object App(Call call, GitHubApp app) => new
    {
        id = app.Id,
        slug = app.Slug,
        node_id = Shapes.NodeId("A", app.Id),
        client_id = app.ClientId,
        owner = call.Shapes.User(app.Bot),
        name = app.Slug,
        description = (string?)null,
        external_url = call.Shapes.Api,
        html_url = call.Shapes.Api + "/apps/" + app.Slug,
        created_at = Shapes.Iso(app.CreatedAt),
        updated_at = Shapes.Iso(app.CreatedAt),
        permissions = new { },
        events = Array.Empty<string>(),
    };

    private static GitHubInstallation One(Call call)
    {
        var app = Authenticate(call);
        return call.World.Installations.TryGetValue(call.Number("installation_id"), out var installation) && installation.App == app ? installation : throw Call.NotFound();
    }

    private static Answer OfRepository(Call call)
    {
        var app = Authenticate(call);
        var name = $"{call.Value("owner")}/{call.Value("repo")}";
        var repository = call.World.Repositories.GetValueOrDefault(name) ?? throw Call.NotFound();
        var installation = call.World.Installations.Values.FirstOrDefault(i => i.App == app && i.Account == repository.Owner && (i.Repositories?.Contains(repository.Id) ?? true)) ?? throw Call.NotFound();
        return Answer.Json(200, call.Shapes.Installation(installation));
    }

    private static Answer CreateToken(Call call)
    {
        var installation = One(call);
        HashSet<long>? chosen = null;
        if (call.Texts("repositories") is { } names)
        {
            chosen = [];
            foreach (var name in names)
            {
                if (!call.World.Repositories.TryGetValue($"{installation.Account.Login}/{name}", out var repository) || installation.Repositories?.Contains(repository.Id) == false)
                {
                    return Answer.Refused(422, "There is at least one repository that does not exist or is not accessible to the parent installation.");
                }

                chosen.Add(repository.Id);
            }
        }

        var permissions = installation.Permissions;
        if (call.Json.TryGetProperty("permissions", out var asked) && asked.ValueKind == JsonValueKind.Object)
        {
            permissions = asked.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!);
            if (permissions.Any(p => !installation.Permissions.TryGetValue(p.Key, out var granted) || (p.Value == "write" && granted == "read")))
            {
                return Answer.Refused(422, "The permissions requested are not granted to this installation.");
            }
        }

        var credential = call.World.Issue(installation.App.Bot, installation, chosen, permissions, call.World.Now.AddHours(1));
        return Answer.Json(201, new { token = credential.Token, expires_at = Shapes.Iso(credential.ExpiresAt), permissions, repository_selection = chosen is null && installation.Repositories is null ? "all" : "selected" });
    }

    private static Answer Repositories(Call call)
    {
        if (call.Credential.Installation is null)
        {
            return Answer.Refused(403, "You must authenticate with an installation access token in order to list repositories for an installation.");
        }

        var all = call.World.Repositories.Values.Where(r => r.Owner == call.Credential.Installation.Account && call.Credential.RoleIn(r) >= GitHubRole.Write).ToArray();
        return call.Page(all, r => call.Shapes.Repository(r, GitHubRole.Write), page => new { total_count = all.Length, repositories = page, repository_selection = "selected" });
    }

    private static GitHubApp Authenticate(Call call)
    {
        var token = call.Http.Request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..] : "";
        RefusedException Refused(string message) => new(Answer.Refused(401, message));
        if (token.Split('.') is not [var head, var claims, var signature])
        {
            throw Refused("A JSON web token could not be decoded");
        }

        JsonElement header64, payload;
        byte[] signed;
        try
        {
            header64 = JsonDocument.Parse(WebEncoders.Base64UrlDecode(head)).RootElement;
            payload = JsonDocument.Parse(WebEncoders.Base64UrlDecode(claims)).RootElement;
            signed = WebEncoders.Base64UrlDecode(signature);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw Refused("A JSON web token could not be decoded");
        }

        var issuer = payload.TryGetProperty("iss", out var iss) ? iss.ToString() : "";
        var app = call.World.Apps.Values.FirstOrDefault(a => a.ClientId == issuer || FormattableString.Invariant($"{a.Id}") == issuer) ?? throw Refused("Integration not found");
        using var rsa = RSA.Create();
        rsa.ImportFromPem(app.PublicKeyPem);
        if (header64.GetProperty("alg").GetString() != "RS256" || !rsa.VerifyData(Encoding.ASCII.GetBytes($"{head}.{claims}"), signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))
        {
            throw Refused("A JSON web token could not be decoded");
        }

        var now = call.World.Now.ToUnixTimeSeconds();
        if (!payload.TryGetProperty("iat", out var iat) || !iat.TryGetInt64(out var issued) || issued > now)
        {
            throw Refused("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
        }

        if (!payload.TryGetProperty("exp", out var exp) || !exp.TryGetInt64(out var expires) || expires <= now)
        {
            throw Refused("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires");
        }

        return expires - now <= 600 ? app : throw Refused("'Expiration time' claim ('exp') is too far in the future");
    }
}
