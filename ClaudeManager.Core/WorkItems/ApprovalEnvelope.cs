using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.WorkItems;

/// <summary>
/// What a person approved, bound to content. Version 1 is, byte for byte:
/// <code>
/// field   := length (4 bytes, unsigned, big endian) content
/// list    := field*                                    (strings, ordinal order, no string twice)
/// v1      := field("claude-manager/approval/v1")
///            field(work item id, 8 bytes signed big endian)      field(fingerprint, UTF-8)
///            field(SHA-256 of title and body, 32 bytes)          field(SHA-256 of the prompt, 32 bytes)
///            field(base commit, lower-case hex, ASCII)           field(agent, UTF-8)
///            field(SHA-256 of the tool policy, 32 bytes)         field(budget in millionths of a US dollar, 8 bytes)
///            field(sandbox level as stored, ASCII)               field(list of approvers)
///            field(time of approval, Unix milliseconds, 8 bytes) field(expiry, the same)
/// policy  := field(list of tools) field(JSON of what runs under the agent's name, as stored); without such JSON the bare list
/// MAC     := HMAC-SHA-256 of all of it under HKDF-SHA256(master key, info "approval/v1")
/// </code>
/// There is exactly one encoding of an envelope; <see cref="Decode"/> refuses every other.
/// </summary>
public sealed record ApprovalEnvelope
{
    private const string Header = "claude-manager/approval/v1";
    internal const string Purpose = "approval/v1";
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public required long WorkItemId { get; init; }
    public required string Fingerprint { get; init; }

    /// <summary>From <see cref="HashContent"/>; all hashes are 64 lower-case hex digits.</summary>
    public required string ContentSha256 { get; init; }

    /// <summary>SHA-256 of the prompt's UTF-8 bytes.</summary>
    public required string PromptSha256 { get; init; }
    public required string BaseCommit { get; init; }
    public required string Agent { get; init; }

    /// <summary>From <see cref="HashTools"/>.</summary>
    public required string ToolPolicySha256 { get; init; }
    public required long BudgetMicroUsd { get; init; }
    public required SandboxLevel Sandbox { get; init; }
    public required IReadOnlyList<string> Approvers { get; init; }

    /// <summary>Kept to the millisecond.</summary>
    public required DateTimeOffset ApprovedAt { get; init; }

    /// <summary>Kept to the millisecond.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>SHA-256 of title and body, each length-prefixed, so that no text can move from one to the other.</summary>
    public static string HashContent(string title, string body) => Hash(stream =>
    {
        Write(stream, s_utf8.GetBytes(title));
        Write(stream, s_utf8.GetBytes(body));
    });

    /// <summary>SHA-256 of the tools an agent may use, in whatever order, and of what runs under its name.</summary>
    /// <param name="program">As stored with the approval; null for one from before programs were part of it.</param>
    public static string HashTools(IEnumerable<string> tools, string? program = null) => Hash(stream =>
    {
        var list = EncodeList(tools);
        if (program is null)
        {
            stream.Write(list);
            return;
        }

        Write(stream, list);
        Write(stream, s_utf8.GetBytes(program));
    });

    public byte[] Encode()
    {
        using var stream = new MemoryStream(512);
        Write(stream, s_utf8.GetBytes(Header));
        Write(stream, WorkItemId);
        Write(stream, s_utf8.GetBytes(Fingerprint));
        Write(stream, HashBytes(ContentSha256));
        Write(stream, HashBytes(PromptSha256));
        Write(stream, s_utf8.GetBytes(BaseCommit));
        Write(stream, s_utf8.GetBytes(Agent));
        Write(stream, HashBytes(ToolPolicySha256));
        Write(stream, BudgetMicroUsd);
        Write(stream, s_utf8.GetBytes(ManagerJson.Name(Sandbox)));
        Write(stream, EncodeList(Approvers));
        Write(stream, ApprovedAt.ToUnixTimeMilliseconds());
        Write(stream, ExpiresAt.ToUnixTimeMilliseconds());
        return stream.ToArray();
    }

    /// <exception cref="FormatException">The bytes are not the canonical encoding of an envelope of version 1.</exception>
    public static ApprovalEnvelope Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var rest = bytes;
            if (Text(ref rest) != Header)
            {
                throw new FormatException("Not an approval envelope of version 1.");
            }

            var envelope = new ApprovalEnvelope
            {
                WorkItemId = Number(ref rest),
                Fingerprint = Text(ref rest),
                ContentSha256 = Convert.ToHexStringLower(Field(ref rest)),
                PromptSha256 = Convert.ToHexStringLower(Field(ref rest)),
                BaseCommit = Text(ref rest),
                Agent = Text(ref rest),
                ToolPolicySha256 = Convert.ToHexStringLower(Field(ref rest)),
                BudgetMicroUsd = Number(ref rest),
                Sandbox = Level(Text(ref rest)),
                Approvers = DecodeList(Field(ref rest)),
                ApprovedAt = DateTimeOffset.FromUnixTimeMilliseconds(Number(ref rest)),
                ExpiresAt = DateTimeOffset.FromUnixTimeMilliseconds(Number(ref rest)),
            };
            // Encoding again is the whole canonicity check: trailing bytes, unsorted approvers, wrong lengths all differ.
            return envelope.Encode().AsSpan().SequenceEqual(bytes) ? envelope : throw new FormatException("The envelope is not canonical.");
        }
        catch (ArgumentException e)
        {
            throw new FormatException("The envelope is not well-formed.", e);
        }
    }

    /// <summary>Encodes and signs. Store all three; the bytes are never encoded anew from columns.</summary>
    public SignedEnvelope Sign(MasterKey key)
    {
        var bytes = Encode();
        return new SignedEnvelope(bytes, HMACSHA256.HashData(key.DeriveKey(Purpose), bytes), key.KeyId);
    }

    private static string Hash(Action<Stream> write)
    {
        using var stream = new MemoryStream();
        write(stream);
        return Convert.ToHexStringLower(SHA256.HashData(stream.GetBuffer().AsSpan(0, (int)stream.Length)));
    }

    private static byte[] HashBytes(string hex)
        => Convert.FromHexString(hex) is { Length: SHA256.HashSizeInBytes } hash ? hash : throw new FormatException("A hash in the envelope is not a SHA-256.");

    private static byte[] EncodeList(IEnumerable<string> values)
    {
        using var stream = new MemoryStream();
        foreach (var value in values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            Write(stream, s_utf8.GetBytes(value));
        }

        return stream.ToArray();
    }

    private static List<string> DecodeList(ReadOnlySpan<byte> bytes)
    {
        var values = new List<string>();
        while (!bytes.IsEmpty)
        {
            values.Add(Text(ref bytes));
        }

        return values;
    }

    private static SandboxLevel Level(string name)
    {
        foreach (var level in Enum.GetValues<SandboxLevel>())
        {
            if (ManagerJson.Name(level) == name)
            {
                return level;
            }
        }

        throw new FormatException("Unknown sandbox level in the envelope.");
    }

    private static void Write(Stream stream, ReadOnlySpan<byte> content)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)content.Length);
        stream.Write(length);
        stream.Write(content);
    }

    private static void Write(Stream stream, long value)
    {
        Span<byte> content = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(content, value);
        Write(stream, content);
    }

    private static ReadOnlySpan<byte> Field(ref ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 4 || BinaryPrimitives.ReadUInt32BigEndian(rest) is var length && length > rest.Length - 4)
        {
            throw new FormatException("The envelope ends too early.");
        }

        var field = rest.Slice(4, (int)length);
        rest = rest[(4 + (int)length)..];
        return field;
    }

    private static string Text(ref ReadOnlySpan<byte> rest) => s_utf8.GetString(Field(ref rest));

    private static long Number(ref ReadOnlySpan<byte> rest)
        => Field(ref rest) is { Length: 8 } field ? BinaryPrimitives.ReadInt64BigEndian(field) : throw new FormatException("A number in the envelope is not 8 bytes long.");
}

/// <summary>An envelope as stored: the bytes, the MAC over exactly these bytes, and the id of the master key behind it.</summary>
public sealed record SignedEnvelope(byte[] Bytes, byte[] Mac, string KeyId)
{
    /// <summary>The content, if the signature is good; else null, and <paramref name="problem"/> says why. Nothing is parsed before the MAC is right.</summary>
    public ApprovalEnvelope? Verify(MasterKey key, out string? problem)
    {
        if (KeyId != key.KeyId)
        {
            problem = $"signed with master key {KeyId}, but {key.KeyId} is in use";
            return null;
        }

        if (!CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key.DeriveKey(ApprovalEnvelope.Purpose), Bytes), Mac))
        {
            problem = "the signature does not fit: the approval was changed after it was given";
            return null;
        }

        problem = null;
        return ApprovalEnvelope.Decode(Bytes);
    }
}
