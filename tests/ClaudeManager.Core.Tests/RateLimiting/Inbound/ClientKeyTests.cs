using System.Net;
using ClaudeManager.Core.RateLimiting.Inbound;

namespace ClaudeManager.Core.Tests.RateLimiting.Inbound;

public sealed class ClientKeyTests
{
    [Theory]
    [InlineData("203.0.113.7", "203.0.113.7")]
    [InlineData("::ffff:203.0.113.7", "203.0.113.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:3::1", "2001:db8:1:3::/64")]
    [InlineData("fe80::1%3", "fe80::/64")]
    public void Of_Address_IsWhatOneCustomerHas(string address, string key) => Assert.Equal(key, ClientKey.Of(IPAddress.Parse(address)));

    [Fact]
    public void Of_NoAddress_IsOneClient() => Assert.Equal("unknown", ClientKey.Of(null));
}
