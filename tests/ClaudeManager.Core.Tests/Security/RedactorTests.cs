using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;

namespace ClaudeManager.Core.Tests.Security;

public sealed class RedactorTests
{
    private const string Secret = "correct horse/battery+staple";
    private static readonly string s_token = "ghs_" + string.Concat(Enumerable.Range(0, 516).Select(i => "aZ0_.-9k"[i % 8]));

    [Fact]
    public void Redact_KnownSecretInAnyForm_IsMasked()
    {
        var redactor = Knowing(Secret);
        string[] forms =
        [
            Secret,
            Uri.EscapeDataString(Secret),
            JsonSerializer.Serialize("\"" + Secret),
            Base64(Secret), Base64("a:" + Secret), Base64("ab:" + Secret + "tail"), Base64("abc:" + Secret),
            Base64("ab:" + Secret).Replace('+', '-').Replace('/', '_'),
        ];

        Assert.All(forms, form =>
        {
            var redacted = redactor.Redact($"before {form} after");
            Assert.StartsWith("before ", redacted, StringComparison.Ordinal);
            Assert.EndsWith(" after", redacted, StringComparison.Ordinal);
            Assert.Contains("***", redacted, StringComparison.Ordinal);
            Assert.DoesNotContain("horse", redacted, StringComparison.Ordinal);
            Assert.False(SharesRun(redacted, Base64(Secret), 8), redacted);
        });
    }

    [Fact]
    public void Redact_KnownSecretInTheAlphabetOfUrls_IsMasked()
    {
        // Unlike words, this one needs the two letters in which the alphabets differ.
        const string Odd = "~~~???>>>key~~?";
        var form = Base64("ab:" + Odd).Replace('+', '-').Replace('/', '_');
        Assert.Contains('_', form);
        Assert.Contains('-', form);

        Assert.Contains(Redactor.Mask, Knowing(Odd).Redact(form), StringComparison.Ordinal);
    }

    [Fact]
    public void Redact_OneSecretInsideAnother_MasksTheWholeLongerOne()
    {
        var redactor = Knowing("password1", "password1-and-more");

        Assert.Equal("[***] [***]", redactor.Redact("[password1-and-more] [password1]"));
    }

    [Fact]
    public void Redact_LinesOfAMultiLineSecret_AreMaskedOnTheirOwn()
        => Assert.Equal("x ***", Knowing("first-line-of-the-key\nsecond-line-of-the-key").Redact("x second-line-of-the-key"));

    [Fact]
    public void Redact_ShortValues_AreNotLearnt() => Assert.Equal("the password is test", Knowing("test").Redact("the password is test"));

    [Fact]
    public void Redact_UnknownTokenOfAnyLength_IsMasked() => Assert.Equal("token ***\n", new Redactor().Redact($"token {s_token}\n"));

    [Fact]
    public void Redact_OrdinaryText_IsTheSameObject()
    {
        const string text = "A sentence; with `code`, $(dollars) & a GUID 6f9619ff-8b86-d011-b42d-00c04fc964ff.";

        Assert.Same(text, Knowing(Secret).Redact(text));
    }

    [Fact]
    public void Redact_HostileTextOfMegabytes_ComesBackRedacted()
    {
        var text = string.Concat(Enumerable.Repeat("ghp_ eyJ sk- ://a:b password= -----BEGIN ", 50_000)) + Secret;

        var redacted = Knowing(Secret).Redact(text);

        Assert.EndsWith("***", redacted, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, redacted, StringComparison.Ordinal);
    }

    [Fact]
    public void Stream_AnySplit_GivesWhatTheWholeTextGives()
    {
        var text = $"one {Secret} two\n{s_token}\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nq83vEjRWeJ\n-----END RSA PRIVATE KEY-----\nlast line with {Secret}";
        var redactor = Knowing(Secret);
        var whole = redactor.Redact(text);

        Gen.Int[1, text.Length - 1].Array[0, 8].Check(cuts =>
        {
            var stream = redactor.OpenStream();
            var given = new StringBuilder();
            var from = 0;
            foreach (var cut in cuts.Distinct().Order().Append(text.Length))
            {
                given.Append(stream.Append(text[from..cut]));
                from = cut;
            }

            Assert.Equal(whole, given.Append(stream.Complete()).ToString());
        }, 2_000);
    }

    [Fact]
    public void Stream_WholeLines_AreGivenOutAtOnce()
    {
        var stream = Knowing(Secret).OpenStream();

        Assert.Equal("first\n", stream.Append("first\nsec"));
        Assert.Equal("second ***\n", stream.Append($"ond {Secret}\n"));
    }

    [Fact]
    public void Stream_LineWithoutEnd_IsBoundedAndStillRedacted()
    {
        var stream = Knowing(Secret).OpenStream();
        var given = new StringBuilder();
        for (var i = 0; i < 300; i++)
        {
            given.Append(stream.Append(new string('x', 1000 + i) + " " + Secret[..9]));
            Assert.True(i < 100 || given.Length > 0, "Nothing was given out although the line is far too long.");
            given.Append(stream.Append(Secret[9..] + " "));
        }

        given.Append(stream.Complete());
        Assert.DoesNotContain("horse", given.ToString(), StringComparison.Ordinal);
        Assert.Equal(300, given.ToString().Split("***").Length - 1);
    }

    private static Redactor Knowing(params string[] secrets)
    {
        var redactor = new Redactor();
        foreach (var secret in secrets)
        {
            redactor.Learn(new SecretString(secret));
        }

        return redactor;
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static bool SharesRun(string text, string other, int length)
        => Enumerable.Range(0, other.Length - length).Any(i => text.Contains(other.Substring(i, length), StringComparison.Ordinal));
}
