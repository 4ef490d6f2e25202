using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Tests.WorkItems;

public sealed class ApprovalEnvelopeTests
{
    private static readonly MasterKey s_key = Key(0);

    private static readonly ApprovalEnvelope s_envelope = new()
    {
        WorkItemId = 42,
        Fingerprint = "todo:4f2a",
        ContentSha256 = ApprovalEnvelope.HashContent("Handle empty input", "See parser.cs:10"),
        PromptSha256 = new string('a', 64),
        BaseCommit = "0123456789abcdef0123456789abcdef01234567",
        Agent = "claude-code",
        ToolPolicySha256 = ApprovalEnvelope.HashTools(["Read", "Edit"]),
        BudgetMicroUsd = 5_000_000,
        Sandbox = SandboxLevel.Bwrap,
        Approvers = ["ann", "bob"],
        ApprovedAt = DateTimeOffset.FromUnixTimeMilliseconds(1_790_000_000_123),
        ExpiresAt = DateTimeOffset.FromUnixTimeMilliseconds(1_790_604_800_123),
    };

    public static TheoryData<string> Changes => [.. s_changes.Keys];

    private static readonly Dictionary<string, Func<ApprovalEnvelope, ApprovalEnvelope>> s_changes = new()
    {
        ["item"] = e => e with { WorkItemId = 43 },
        ["fingerprint"] = e => e with { Fingerprint = "todo:4f2b" },
        ["content"] = e => e with { ContentSha256 = ApprovalEnvelope.HashContent("Handle empty inputS", "ee parser.cs:10") },
        ["prompt"] = e => e with { PromptSha256 = new string('b', 64) },
        ["base"] = e => e with { BaseCommit = "1123456789abcdef0123456789abcdef01234567" },
        ["agent"] = e => e with { Agent = "command:x" },
        ["tools"] = e => e with { ToolPolicySha256 = ApprovalEnvelope.HashTools(["Read", "Edit", "Bash"]) },
        ["program"] = e => e with { ToolPolicySha256 = ApprovalEnvelope.HashTools(["Read", "Edit"], "{}") },
        ["budget"] = e => e with { BudgetMicroUsd = 5_000_001 },
        ["sandbox"] = e => e with { Sandbox = SandboxLevel.Process },
        ["approvers"] = e => e with { Approvers = ["ann"] },
        ["approvers joined"] = e => e with { Approvers = ["annbob"] },
        ["time"] = e => e with { ApprovedAt = e.ApprovedAt.AddMilliseconds(1) },
        ["expiry"] = e => e with { ExpiresAt = e.ExpiresAt.AddDays(1) },
    };

    [Fact]
    public void Sign_FixedEnvelope_GivesTheDocumentedBytesAndMac()
    {
        var signed = s_envelope.Sign(s_key);

        // Computed outside this program (Python: struct, hashlib, hmac) from the documented layout.
        Assert.Equal(ExpectedBytes, Convert.ToHexStringLower(signed.Bytes));
        Assert.Equal(ExpectedMac, Convert.ToHexStringLower(signed.Mac));
        Assert.Equal(ExpectedKeyId, signed.KeyId);
    }

    [Fact]
    public void Verify_Untouched_GivesTheEnvelopeBack()
    {
        var envelope = s_envelope.Sign(s_key).Verify(s_key, out var problem);

        Assert.Null(problem);
        Assert.Equivalent(s_envelope, envelope, strict: true);
    }

    [Fact]
    public void Verify_AnyBitFlipped_IsRefused()
    {
        var signed = s_envelope.Sign(s_key);
        for (var bit = 0; bit < signed.Bytes.Length * 8; bit++)
        {
            var bytes = signed.Bytes.ToArray();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null((signed with { Bytes = bytes }).Verify(s_key, out var problem));
            Assert.NotNull(problem);
        }

        for (var bit = 0; bit < signed.Mac.Length * 8; bit++)
        {
            var mac = signed.Mac.ToArray();
            mac[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null((signed with { Mac = mac }).Verify(s_key, out _));
        }
    }

    [Fact]
    public void Verify_ShortenedOrEmptyMac_IsRefused()
    {
        var signed = s_envelope.Sign(s_key);

        Assert.Null((signed with { Mac = signed.Mac[..16] }).Verify(s_key, out _));
        Assert.Null((signed with { Mac = [] }).Verify(s_key, out _));
    }

    [Fact]
    public void Verify_AnotherMasterKey_IsRefusedAndNamesBoth()
    {
        var other = Key(1);

        Assert.Null(s_envelope.Sign(s_key).Verify(other, out var problem));
        Assert.Contains(s_key.KeyId, problem, StringComparison.Ordinal);
        Assert.Contains(other.KeyId, problem, StringComparison.Ordinal);
        Assert.Null((s_envelope.Sign(other) with { KeyId = s_key.KeyId }).Verify(s_key, out _));
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void Sign_AnyFieldChanged_GivesAnotherMac(string field) => Assert.NotEqual(s_envelope.Sign(s_key).Mac, s_changes[field](s_envelope).Sign(s_key).Mac);

    [Fact]
    public void Sign_SameApproversInAnotherOrder_IsTheSame()
        => Assert.Equal(s_envelope.Encode(), (s_envelope with { Approvers = ["bob", "ann", "bob"] }).Encode());

    [Fact]
    public void Decode_EveryShorterText_IsRefused()
    {
        var bytes = s_envelope.Encode();
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<FormatException>(() => ApprovalEnvelope.Decode(bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Decode_AnotherEncodingOfTheSame_IsRefused()
    {
        var bytes = s_envelope.Encode();
        Assert.Throws<FormatException>(() => ApprovalEnvelope.Decode([.. bytes, 0]));

        // "ann", "bob" → "bob", "ann": well-formed, but not the one encoding.
        var ann = bytes.AsSpan().IndexOf("ann"u8);
        byte[] swapped = [.. bytes];
        "bob"u8.CopyTo(swapped.AsSpan(ann));
        "ann"u8.CopyTo(swapped.AsSpan(ann + 7));
        Assert.Throws<FormatException>(() => ApprovalEnvelope.Decode(swapped));
    }

    private static MasterKey Key(byte first) => MasterKey.Parse(Convert.ToBase64String([first, .. Enumerable.Range(1, 31).Select(i => (byte)i)]), "test");

    private const string ExpectedBytes = "0000001a636c617564652d6d616e616765722f617070726f76616c2f763100000008000000000000002a00000009746f646f3a3466326100000020db9f0ef325883ede26992527a9f061fe886fe1bd781c9033f8af2beb53eb805100000020aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000028303132333435363738396162636465663031323334353637383961626364656630313233343536370000000b636c617564652d636f646500000020611a641627a3fc148c5978b54777998b76f25d439b13ef544fcd145a4cb201950000000800000000004c4b400000000562777261700000000e00000003616e6e00000003626f6200000008000001a0c4506c7b00000008000001a0e85cf07b";
    private const string ExpectedMac = "2c5f66d3c9cc308fdeba82b06e3a56dc6fc90a0079f3928bc316b91f59040c86";
    private const string ExpectedKeyId = "bf427935319db52d";
}
