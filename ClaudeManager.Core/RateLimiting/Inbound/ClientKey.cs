using System.Net;
using System.Net.Sockets;

namespace ClaudeManager.Core.RateLimiting.Inbound;

/// <summary>What a client is known by: an IPv4 address, or the /64 an IPv6 one is in, since that is what one customer is given (RFC 6177) and may wander in.</summary>
public static class ClientKey
{
    private const int SubscriberPrefix = 64;

    public static string Of(IPAddress? address)
    {
        if (address is null)
        {
            return "unknown";
        }

        var plain = Plain(address);
        if (plain.AddressFamily == AddressFamily.InterNetwork)
        {
            return plain.ToString();
        }

        Span<byte> bytes = stackalloc byte[16];
        plain.TryWriteBytes(bytes, out _);
        bytes[(SubscriberPrefix / 8)..].Clear();
        return $"{new IPAddress(bytes)}/{SubscriberPrefix}";
    }

    /// <summary>An IPv4 address as such, however the socket gave it; without a zone.</summary>
    internal static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
