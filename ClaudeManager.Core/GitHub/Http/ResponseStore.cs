using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>
/// The answers kept for conditional requests, in the store: a restart costs nothing. Bounded in number and size. They only save GitHub's budget, so no call fails because the store is away:
/// then nothing is known, and nothing is kept.
/// </summary>
internal sealed class ResponseStore(Store store, ILogger logger, int capacity = 2000)
{
    private const int LargestBody = 4 * 1024 * 1024;

    // Marking every use would make each free request a write.
    private static readonly TimeSpan s_useResolution = TimeSpan.FromDays(1);
    private static readonly OperationContext s_operation = OperationContext.Create("github.keep_response", "system:github");

    public static string KeyOf(string credential, HttpRequestMessage request)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{credential}\n{request.Headers.Accept}\n{request.RequestUri!.AbsoluteUri}")));

    public static byte[] Unpack(GitHubResponseEntity kept)
    {
        using var packed = new BrotliStream(new MemoryStream(kept.Body), CompressionMode.Decompress);
        using var body = new MemoryStream();
        packed.CopyTo(body);
        return body.ToArray();
    }

    public async Task<GitHubResponseEntity?> FindAsync(string key, CancellationToken ct)
    {
        try
        {
            return await store.ReadAsync((db, token) => db.GitHubResponses.FirstOrDefaultAsync(r => r.Key == key, token), ct).ConfigureAwait(false);
        }
        catch (Exception e) when (DatabaseUnavailableException.IsAway(e))
        {
            Log.AnswersAway(logger, e);
            return null;
        }
    }

    public async Task UsedAsync(GitHubResponseEntity kept, CancellationToken ct)
    {
        var now = store.Time.GetUtcNow();
        if (now - kept.UsedAt >= s_useResolution)
        {
            await WriteAsync((tx, token) => tx.Db.GitHubResponses.Where(r => r.Key == kept.Key).ExecuteUpdateAsync(set => set.SetProperty(r => r.UsedAt, now), token), ct).ConfigureAwait(false);
        }
    }

    public async Task KeepAsync(string key, string credential, string token, HttpResponseMessage response, CancellationToken ct)
    {
        var body = await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
        if (body.Length > LargestBody || response.Content.Headers.ContentType is not { } contentType)
        {
            return;
        }

        var packed = Pack(body);
        await WriteAsync(async (tx, cancel) =>
        {
            await tx.Db.GitHubResponses.Where(r => r.Key == key).ExecuteDeleteAsync(cancel).ConfigureAwait(false);
            tx.Db.GitHubResponses.Add(new GitHubResponseEntity
            {
                Key = key,
                Credential = credential,
                Token = token,
                ETag = response.Headers.ETag?.ToString(),
                LastModified = Text(response, "Last-Modified"),
                ContentType = contentType.ToString(),
                Link = Text(response, "Link"),
                Body = packed,
                UsedAt = tx.Now,
            });
            await ForgetAsync(tx.Db, cancel).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
    }

    private async Task WriteAsync(Func<StoreTransaction, CancellationToken, Task> write, CancellationToken ct)
    {
        try
        {
            await store.WriteAsync(s_operation, write, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (DatabaseUnavailableException.IsAway(e))
        {
            Log.AnswersAway(logger, e);
        }
        catch (DbUpdateException e) when (Store.IsTaken(e))
        {
            // Another process asked the same at the same time, and its answer is kept.
        }
    }

    /// <summary>A tenth at once, so that a full store does not forget at every answer.</summary>
    private async Task ForgetAsync(ManagerDbContext db, CancellationToken ct)
    {
        if (await db.GitHubResponses.CountAsync(ct).ConfigureAwait(false) >= capacity)
        {
            var oldest = db.GitHubResponses.OrderBy(r => r.UsedAt).Take(capacity / 10).Select(r => r.Key);
            await db.GitHubResponses.Where(r => oldest.Contains(r.Key)).ExecuteDeleteAsync(ct).ConfigureAwait(false);
        }
    }

    private static byte[] Pack(byte[] body)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest))
        {
            brotli.Write(body);
        }

        return packed.ToArray();
    }

    private static string? Text(HttpResponseMessage response, string header)
        => response.Headers.TryGetValues(header, out var values) || response.Content.Headers.TryGetValues(header, out values) ? string.Join(", ", values) : null;
}
