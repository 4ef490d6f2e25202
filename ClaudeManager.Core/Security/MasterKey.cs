using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Security;

/// <summary>
/// The 32 bytes everything else is derived from. They are never used themselves: each purpose gets its own subkey by HKDF-SHA256, so that leaking one tells nothing about another.
/// </summary>
public sealed class MasterKey
{
    /// <summary>Row of <see cref="SettingEntity"/> that says which key the store was made with.</summary>
    internal const string CheckSetting = "master_key.check";

    private const int Length = 32;

    private readonly byte[] _key;

    private MasterKey(byte[] key, string source)
    {
        _key = key;
        Source = source;
        KeyId = Convert.ToHexStringLower(DeriveKey("key-id/v1").AsSpan(0, 8));
    }

    /// <summary>Names the key without giving it away: 16 hex digits, stored beside everything made with it.</summary>
    public string KeyId { get; }

    /// <summary>Where it came from, for people.</summary>
    public string Source { get; }

    /// <summary>The 32-byte subkey of one purpose, e.g. <c>approval/v1</c>. Changing what a purpose means needs a new version in its name.</summary>
    public byte[] DeriveKey(string purpose) => HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, Length, info: Encoding.UTF8.GetBytes(purpose));

    /// <summary>
    /// The key from <c>CREDENTIAL_ENCRYPTION_KEY</c>, else from the key file; else, in development only, a new one is made and kept in the key file with a warning.
    /// </summary>
    /// <exception cref="CredentialException">There is none, or it cannot be trusted. Nothing starts without it.</exception>
    public static MasterKey Load(SecretString? fromEnvironment, DataDirectory data, string environment, ILogger logger)
    {
        if (fromEnvironment is not null)
        {
            return Parse(fromEnvironment.Reveal(), "CREDENTIAL_ENCRYPTION_KEY");
        }

        if (File.Exists(data.MasterKeyFile))
        {
            return ReadFile(data.MasterKeyFile);
        }

        if (environment != "development")
        {
            throw new CredentialException(ErrorCodes.MasterKeyMissing, $"There is no master key, and in {environment} none is made up.",
                "Set CREDENTIAL_ENCRYPTION_KEY to the base64 of 32 random bytes (openssl rand -base64 32) and keep a copy of it in a safe place.");
        }

        return CreateFile(data.MasterKeyFile, logger);
    }

    /// <summary>
    /// Compares the key with the one the store was made with; a store without a mark gets it. A wrong key fails here, closed and by name, instead of later as a forged approval.
    /// </summary>
    public async Task VerifyAsync(Store store, CancellationToken ct)
    {
        var mine = CheckValue();
        var theirs = await ReadCheckAsync(store, ct).ConfigureAwait(false);
        if (theirs is null)
        {
            try
            {
                await MarkAsync(store, mine, ct).ConfigureAwait(false);
                return;
            }
            catch (DbUpdateException)
            {
                // Another process marked the store in the same moment; what it wrote decides. If nothing is there, the write failed for another reason.
                theirs = await ReadCheckAsync(store, ct).ConfigureAwait(false);
                if (theirs is null)
                {
                    throw;
                }
            }
        }

        if (!CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(mine), Encoding.ASCII.GetBytes(theirs)))
        {
            var other = theirs.Split(':') is [_, var id, _] ? id : "unknown";
            throw new CredentialException(ErrorCodes.MasterKeyOther, $"The store was made with master key {other}, but {Source} holds {KeyId}.",
                $"Start with the key {other}. If it is lost, approvals and credentials of this store cannot be used any more: begin with a new store.");
        }
    }

    internal static MasterKey Parse(string text, string source)
    {
        var key = Decode(text.Trim());
        if (key is not { Length: Length })
        {
            throw new CredentialException(ErrorCodes.MasterKeyMalformed, $"{source} is not the base64 of 32 bytes.", "Make one with: openssl rand -base64 32");
        }

        return new MasterKey(key, source);
    }

    private static byte[]? Decode(string text)
    {
        var buffer = new byte[64];
        if (Convert.TryFromBase64String(text, buffer, out var written))
        {
            return buffer[..written];
        }

        return Base64Url.IsValid(text, out var decoded) && decoded == Length ? Base64Url.DecodeFromChars(text) : null;
    }

    private static MasterKey ReadFile(string file)
    {
        try
        {
            const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & others) != 0)
            {
                throw new CredentialException(ErrorCodes.MasterKeyExposed, $"The master key file {file} can be read or written by others.", $"Run: chmod 600 {file}. If others could have read it, the key is no secret any more.");
            }

            return Parse(File.ReadAllText(file), file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CredentialException(ErrorCodes.MasterKeyUnreadable, $"The master key file {file} cannot be read: {e.Message}", "Give it back to the user this program runs as.", e);
        }
    }

    private static MasterKey CreateFile(string file, ILogger logger)
    {
        var key = new MasterKey(RandomNumberGenerator.GetBytes(Length), file);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        var directory = Path.GetDirectoryName(file)!;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        // Written beside and moved: a crash leaves either no key or a whole one.
        var draft = file + "." + key.KeyId;
        using (var stream = new FileStream(draft, options))
        {
            stream.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(key._key) + "\n"));
            stream.Flush(flushToDisk: true);
        }

        File.Move(draft, file, overwrite: false);
        Log.MasterKeyCreated(logger, key.KeyId, file);
        return key;
    }

    private static Task<string?> ReadCheckAsync(Store store, CancellationToken ct)
        => store.ReadAsync((db, token) => db.Settings.Where(s => s.Key == CheckSetting).Select(s => s.Value).SingleOrDefaultAsync(token), ct);

    private Task MarkAsync(Store store, string value, CancellationToken ct)
        => store.WriteAsync(OperationContext.Create("master_key.mark", "system:start"), (tx, _) =>
        {
            tx.Db.Settings.Add(new SettingEntity { Key = CheckSetting, Value = value, UpdatedAt = tx.Now });
            tx.Audit(new AuditRecord("credential", "master_key.marked", "setting", CheckSetting, AuditSeverity.High, Details: new Dictionary<string, object?> { ["key_id"] = KeyId }));
            return Task.CompletedTask;
        }, ct);

    private string CheckValue() => $"v1:{KeyId}:{Convert.ToHexStringLower(HMACSHA256.HashData(DeriveKey("key-check/v1"), "claude-manager"u8))}";
}
