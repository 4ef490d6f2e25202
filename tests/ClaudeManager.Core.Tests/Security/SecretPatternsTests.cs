using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Tests.Security;

public sealed class SecretPatternsTests
{
    // Written in two halves, so that no scanner (ours included) takes this file for a leak.
    public static TheoryData<string, string> Secrets => new()
    {
        { "GitHub token", "ghp" + "_0123456789abcdefghijABCDEFGHIJ012345" },
        { "GitHub token", "ghs" + "_12345_eyJhbGciOi." + new string('a', 500) + "." + new string('b', 30) + "-_z" },
        { "GitHub token", "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789" },
        { "GitLab token", "glpat" + "-0123456789abcdefghij" },
        { "Anthropic key", "sk-ant" + "-api03-AbCdEf0123456789-_xyz" },
        { "API key", "sk-proj" + "-AbCdEf0123456789_xyzAbCdEf01234" },
        { "Stripe key", "sk_live" + "_4eC39HqLyjWDarjtT1zdp7dc" },
        { "AWS access key", "AKIA" + "IOSFODNN7EXAMPLE" },
        { "Google key", "AIza" + "SyA0123456789abcdefghijklmnopqrstuv" },
        { "Azure client secret", "abc8Q" + "~0123456789abcdefghijklmnopqrstuv.x" },
        { "Slack token", "xoxb" + "-123456789012-abcdefghijkl" },
        { "npm token", "npm" + "_0123456789abcdefghijABCDEFGHIJ012345" },
        { "JSON Web Token", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ" },
    };

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Find_KnownShape_CoversTheWholeValue(string kind, string secret)
    {
        foreach (var text in new[] { secret, $"a {secret} b", $"x(\"{secret}\")", $"\n{secret}\n", $"export_{secret}" })
        {
            var match = Assert.Single(SecretPatterns.Find(text));
            Assert.Equal(kind, match.Kind);
            Assert.Equal(secret, text.Substring(match.Start, match.Length));
        }
    }

    [Theory]
    [InlineData("password in a URL", "https://bob:hunter2hunter@example.com/x", "hunter2hunter")]
    [InlineData("token in a URL", "https://0123456789abcdef0123@example.com/x.git", "0123456789abcdef0123")]
    [InlineData("Azure key", "DefaultEndpointsProtocol=https;AccountKey=AbCd0123456789AbCd0123456789AbCd0123456789==;", "AbCd0123456789AbCd0123456789AbCd0123456789==")]
    [InlineData("Azure SAS signature", "https://a.blob.core.windows.net/c?sv=1&sig=AbCd0123456789AbCd0123456789%2FAbCd", "AbCd0123456789AbCd0123456789%2FAbCd")]
    [InlineData("authorization header", "Authorization: Bearer AbCd0123456789xyz", "AbCd0123456789xyz")]
    [InlineData("assigned secret", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE1KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE1KEY")]
    [InlineData("assigned secret", "\"clientSecret\": \"q8Zt51xYw0PbLm7RkVd3\"", "q8Zt51xYw0PbLm7RkVd3")]
    [InlineData("assigned secret", "API_KEY=q8Zt51xYw0PbLm7RkVd3", "q8Zt51xYw0PbLm7RkVd3")]
    public void Find_SecretInContext_CoversOnlyTheValue(string kind, string text, string secret)
    {
        var match = Assert.Single(SecretPatterns.Find(text));
        Assert.Equal((kind, secret), (match.Kind, text.Substring(match.Start, match.Length)));
    }

    [Theory]
    [InlineData("laughs_aloud_and_more_words_in_a_name")]
    [InlineData("Redact_ghs_token_is_removed_from_text")]
    [InlineData("class=\"sk-folding-cube-container-wide\"")]
    [InlineData("CancellationToken cancellationToken = linkedTokenSource.Token;")]
    [InlineData("var token = await ReadTokenFromConfigurationAsync(path);")]
    [InlineData("password = process.env.DATABASE_PASSWORD_FROM_VAULT")]
    [InlineData("https://bob:${PASSWORD}@example.com")]
    [InlineData("https://bob:***@example.com")]
    [InlineData("see https://example.com/a:b/c@v2")]
    [InlineData("a basic understanding-of-the-matter is enough")]
    [InlineData("commit 26444ab4c0ffee26444ab4c0ffee26444ab4c0ff")]
    [InlineData("-----BEGIN PUBLIC KEY-----")]
    public void Find_OrdinaryText_FindsNothing(string text) => Assert.Empty(SecretPatterns.Find(text));

    [Theory]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----")]
    [InlineData("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1 (x)\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----")]
    [InlineData(@"-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END PRIVATE KEY-----")]
    public void Find_PrivateKey_CoversTheBlockAndNothingAfterIt(string key)
    {
        var match = Assert.Single(SecretPatterns.Find($"before {key}, then more"));
        Assert.Equal(("private key", 7, key.Length), (match.Kind, match.Start, match.Length));
    }

    [Fact]
    public void Find_PrivateKeyCutOff_CoversWhatIsThere()
    {
        const string Cut = "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nqqqq";
        var match = Assert.Single(SecretPatterns.Find(Cut));
        Assert.Equal(Cut.Length, match.Length);
    }

    [Fact]
    public void Find_SeveralAndOverlapping_AreInOrderAndDisjoint()
    {
        var token = "ghp" + "_0123456789abcdefghijABCDEFGHIJ012345";
        var text = $"url=https://x:{token}@github.com token={token}";
        var matches = SecretPatterns.Find(text);
        Assert.Equal(2, matches.Count);
        Assert.All(matches, m => Assert.Equal(token, text.Substring(m.Start, m.Length)));
        Assert.True(matches[0].End <= matches[1].Start);
    }
}
