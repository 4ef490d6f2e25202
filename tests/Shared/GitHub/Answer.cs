using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>An answer as it goes out, already written down, so that nothing changes in it afterwards.</summary>
internal sealed record Answer(int Status, byte[] Body, string ContentType = "application/json; charset=utf-8")
{
    private const string Documentation = "https://docs.github.com/rest";

    private static readonly JsonSerializerOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Dictionary<string, string> Headers { get; init; } = new(StringComparer.OrdinalIgnoreCase);

    public DateTimeOffset? LastModified { get; init; }

    public static Answer NoContent { get; } = new(204, []);

    public static Answer Json(int status, object? body, DateTimeOffset? lastModified = null)
        => new(status, JsonSerializer.SerializeToUtf8Bytes(body, s_options)) { LastModified = lastModified };

    public static Answer Refused(int status, string message, params object[] errors)
        => errors is not [] ? Json(status, new { message, errors, documentation_url = Documentation })
            // These are described without the status in the body.
            : status is 405 or 409 or 422 ? Json(status, new { message, documentation_url = Documentation })
            : Json(status, new { message, documentation_url = Documentation, status = status.ToString(CultureInfo.InvariantCulture) });

    public static Answer Invalid(string resource, string field, string code, string? message = null)
        => Refused(422, "Validation Failed", message is null ? new { resource, field, code } : new { resource, field, code, message });

    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>Ends a request with this answer.</summary>
internal sealed class RefusedException(Answer answer) : Exception
{
    public Answer Answer => answer;
}
