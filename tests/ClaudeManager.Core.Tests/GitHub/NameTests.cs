using ClaudeManager.Core.GitHub;

namespace ClaudeManager.Core.Tests.GitHub;

public sealed class NameTests
{
    [Theory]
    [InlineData("acme/app")]
    [InlineData("a/b")]
    [InlineData("octo-org/.github")]
    [InlineData("kim_acme/a.b-c_d")]
    public void Repository_GitHubsNames_AreTaken(string text) => Assert.Equal(text, RepositoryName.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("acme")]
    [InlineData("acme/")]
    [InlineData("/app")]
    [InlineData("acme/app/issues")]
    [InlineData("acme/..")]
    [InlineData("acme/.")]
    [InlineData("../app")]
    [InlineData("-acme/app")]
    [InlineData("acme/app?x=1")]
    [InlineData("acme/app\n")]
    [InlineData("acme/a b")]
    [InlineData("acme/äpp")]
    public void Repository_AnythingElse_IsNot(string? text) => Assert.False(RepositoryName.TryParse(text, out _));

    [Fact]
    public void Repository_InAnotherCase_IsTheSame()
    {
        Assert.Equal(RepositoryName.Parse("Acme/App"), RepositoryName.Parse("acme/app"));
        Assert.Equal(RepositoryName.Parse("Acme/App").GetHashCode(), RepositoryName.Parse("acme/app").GetHashCode());
    }

    [Theory]
    [InlineData("https://api.github.com", "https://api.github.com/", "https://api.github.com/graphql", "https://github.com/acme/app.git")]
    [InlineData("https://api.acme.ghe.com/", "https://api.acme.ghe.com/", "https://api.acme.ghe.com/graphql", "https://acme.ghe.com/acme/app.git")]
    [InlineData("https://git.acme.example/api/v3", "https://git.acme.example/api/v3/", "https://git.acme.example/api/graphql", "https://git.acme.example/acme/app.git")]
    [InlineData("https://acme.example/github/api/v3/", "https://acme.example/github/api/v3/", "https://acme.example/github/api/graphql", "https://acme.example/github/acme/app.git")]
    [InlineData("http://127.0.0.1:5000", "http://127.0.0.1:5000/", "http://127.0.0.1:5000/graphql", "http://127.0.0.1:5000/acme/app.git")]
    [InlineData("https://git.ghe.com", "https://git.ghe.com/", "https://git.ghe.com/graphql", "https://git.ghe.com/acme/app.git")]
    public void Address_OfABaseUrl_HasItsThreePlaces(string baseUrl, string api, string graphQl, string git)
    {
        var address = GitHubAddress.Of(new Uri(baseUrl));

        Assert.Equal((api, graphQl, git), (address.Api.AbsoluteUri, address.GraphQL.AbsoluteUri, address.Git(RepositoryName.Parse("acme/app")).AbsoluteUri));
    }

    [Fact]
    public void Marker_InAText_IsFoundAndPutThereOnce()
    {
        var marker = Marker.Of("item", "12/ab_c.d-e");

        var text = marker.AppendTo("Body");

        Assert.Equal(text, marker.AppendTo(text));
        Assert.Equal(marker, Marker.Find(text));
        Assert.False(Marker.Of("item", "1").IsIn(text));
        Assert.Null(Marker.Find("<!-- claude-manager -->"));
    }

    [Theory]
    [InlineData("item", "a b")]
    [InlineData("item", "--> <script>")]
    [InlineData("item", "")]
    [InlineData("Item:x", "1")]
    public void Marker_ThatCouldNotBeFound_IsNotMade(string kind, string key) => Assert.Throws<ArgumentException>(() => Marker.Of(kind, key));
}
