using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClaudeManager.Core.Security;

/// <summary>A secret in memory. Only <see cref="Reveal"/> gives it away; printing, interpolating or serialising it gives <c>***</c>.</summary>
[JsonConverter(typeof(MaskingConverter))]
public sealed class SecretString(string value)
{
    /// <summary>The clear text. Call it where the secret is used, never to store or log it.</summary>
    public string Reveal() => value;

    public override string ToString() => "***";

    internal sealed class MaskingConverter : JsonConverter<SecretString>
    {
        public override SecretString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => throw new NotSupportedException("Secrets are not read from JSON.");

        public override void Write(Utf8JsonWriter writer, SecretString value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
