using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.OutdatedDependencies;
using ClaudeManager.Core.Tests.GitHub;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Scanning.OutdatedDependencies;

public sealed class OutdatedDependenciesScannerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Scan_NuGet_FindsWhatIsBehindTheNewestListedStableVersion()
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        registry.NuGetPackage("old", "1.0.0", "2.1.0", "3.0.0-rc.1", "9.0.0!");
        registry.NuGetPackage("central", "1.0.0", "1.5.0");
        registry.NuGetPackage("variable", "4.0.0", "5.0.0");
        registry.NuGetPackage("inherited", "7.0.0", "8.0.0");
        registry.NuGetPackage("floating", "1.0.0", "1.9.0");
        registry.NuGetPackage("behind", "1.0.0", "2.0.0");
        registry.NuGetPackage("locked", "1.0.0", "1.4.0");
        registry.NuGetPackage("preview", "2.0.0-a", "2.0.0");
        registry.NuGetPackage("ahead", "1.0.0", "2.0.0-b");
        registry.NuGetPackage("classic", "1.0.0", "2.0.0");

        var result = await ScanAsync(
            registry,
            ("Directory.Packages.props", """<Project><PropertyGroup><V>4.0.0</V></PropertyGroup><ItemGroup><PackageVersion Include="Central" Version="1.0.0" /><PackageVersion Include="Variable" Version="$(V)" /></ItemGroup></Project>"""),
            ("Directory.Build.props", "<Project><PropertyGroup><Above>7.0.0</Above></PropertyGroup></Project>"),
            ("src/a/a.csproj", """
                <Project>
                  <ItemGroup>
                    <PackageReference Include="Old" Version="2.0.0" />
                    <PackageReference Include="Central" />
                    <PackageReference Include="Inherited"><Version>[$(Above), 8.0)</Version></PackageReference>
                    <PackageReference Include="Floating" Version="1.*" />
                    <PackageReference Include="Behind" Version="1.*" />
                    <PackageReference Include="Locked" Version="1.*" />
                    <PackageReference Include="Preview" Version="2.0.0-a" />
                    <PackageReference Include="Ahead" Version="2.0.0-b" />
                    <PackageReference Include="Unknowable" Version="$(Elsewhere)" />
                  </ItemGroup>
                </Project>
                """),
            ("src/a/packages.lock.json", """{"version":1,"dependencies":{"net10.0":{"Locked":{"type":"Direct","requested":"[1.*, )","resolved":"1.2.0"}}}}"""),
            ("src/b/b.fsproj", """<Project><ItemGroup><PackageReference Include="old" Version="1.0.0" /></ItemGroup></Project>"""),
            ("src/c/packages.config", """<packages><package id="Classic" version="1.0.0" /></packages>"""),
            ("vendor/x/x.csproj", """<Project><ItemGroup><PackageReference Include="Old" Version="0.1.0" /></ItemGroup></Project>"""));

        Assert.Equal(
            [
                "Directory.Packages.props:1 Central 1.0.0 → 1.5.0", "Directory.Packages.props:1 Variable 4.0.0 → 5.0.0", "src/a/a.csproj:3 Old 1.0.0 → 2.1.0", "src/a/a.csproj:5 Inherited 7.0.0 → 8.0.0",
                "src/a/a.csproj:7 Behind 1.0.0 → 2.0.0", "src/a/a.csproj:8 Locked 1.2.0 → 1.4.0", "src/a/a.csproj:9 Preview 2.0.0-a → 2.0.0", "src/c/packages.config:1 Classic 1.0.0 → 2.0.0",
            ],
            Lines(result));
        Assert.Equal("unclear_versions", Assert.Single(result.Problems).Reason);
    }

    [Fact]
    public async Task Scan_Npm_FindsWhatIsBehindTheLatestTag()
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        registry.NpmPackage("pinned", "2.0.0", "1.0.0", "2.0.0", "3.0.0");
        registry.NpmPackage("caret", "1.9.0", "1.9.0");
        registry.NpmPackage("left", "2.0.0", "2.0.0");
        registry.NpmPackage("locked", "1.9.0", "1.9.0");
        registry.NpmPackage("@acme/tool", "5.0.0", "5.0.0");
        registry.NpmPackage("tagged", "4.0.0-beta.1", "3.0.0", "4.0.0-beta.1");

        var result = await ScanAsync(
            registry,
            ("web/package.json", """
                {
                  "name": "web", "version": "1.0.0",
                  "dependencies": {
                    "pinned": "1.0.0",
                    "caret": "^1.2.0",
                    "left": "~1.2",
                    "local": "file:../local", "fork": "github:acme/fork", "any": "*", "newest": "latest", "linked": "workspace:^1.0.0"
                  },
                  "devDependencies": { "@acme/tool": "4.x",
                    "tagged": ">=2 <4", "locked": "^1.0.0" },
                  "peerDependencies": { "pinned": "0.1.0" }
                }
                """),
            ("package-lock.json", """{"lockfileVersion":3,"packages":{"":{"name":"root"},"node_modules/locked":{"version":"1.8.0"},"web/node_modules/locked":{"version":"1.3.0"}}}"""));

        Assert.Equal(
            ["web/package.json:4 pinned 1.0.0 → 2.0.0", "web/package.json:6 left 1.2.0 → 2.0.0", "web/package.json:9 @acme/tool 4.0.0 → 5.0.0", "web/package.json:10 locked 1.3.0 → 1.9.0"],
            Lines(result));
        Assert.Empty(result.Problems);
    }

    [Fact]
    public async Task Scan_FeedsNamedInTheRepository_AreNotAskedNorThePackagesThatComeFromThem()
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        registry.NuGetPackage("public", "1.0.0", "2.0.0");
        registry.NpmPackage("open", "2.0.0", "2.0.0");

        var result = await ScanAsync(
            registry,
            ("nuget.config", $$"""
                <configuration>
                  <packageSources><clear /><add key="ours" value="{{registry.NuGet}}" /><add key="private" value="http://feeds.acme.example/index.json" /></packageSources>
                  <packageSourceMapping><packageSource key="ours"><package pattern="*" /></packageSource><packageSource key="private"><package pattern="Acme.*" /></packageSource></packageSourceMapping>
                </configuration>
                """),
            ("a.csproj", """<Project><ItemGroup><PackageReference Include="Public" Version="1.0.0" /><PackageReference Include="Acme.Secret" Version="1.0.0" /></ItemGroup></Project>"""),
            (".npmrc", "@acme:registry=https://npm.acme.example/\n//npm.acme.example/:_authToken=hunter2\n"),
            ("package.json", """{"dependencies":{"@acme/secret":"1.0.0","open":"1.0.0"}}"""),
            ("inner/.npmrc", "registry = https://npm.acme.example/"),
            ("inner/package.json", """{"dependencies":{"hidden":"1.0.0"}}"""));

        Assert.Equal(["a.csproj:1 Public 1.0.0 → 2.0.0", "package.json:1 open 1.0.0 → 2.0.0"], Lines(result));
        Assert.Equal(["private_registry", "private_registry"], result.Problems.Select(p => p.Reason));
        Assert.DoesNotContain("/hidden", registry.Requests);
        Assert.DoesNotContain(registry.Requests, r => r.Contains("secret", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(result.Problems, p => p.Detail.Contains("hunter2", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("status")]
    [InlineData("limited")]
    [InlineData("html")]
    [InlineData("cut")]
    [InlineData("shape")]
    [InlineData("list")]
    [InlineData("redirect")]
    [InlineData("elsewhere")]
    public async Task Scan_BadAnswer_IsAProblemAndWhatWasFoundStands(string kind)
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        await using var other = await LoopbackRegistry.StartAsync(Ct);
        registry.NuGetPackage("bad", "1.0.0", "2.0.0");
        (string, string)[] files = [("a.csproj", """<Project><ItemGroup><PackageReference Include="Bad" Version="1.0.0" /></ItemGroup></Project>""")];
        var known = new List<FindingEntity>();
        KnownFindings.Apply(known, FindingTracker.Match("outdated-dependencies", known, await ScanAsync(registry, files)), "outdated-dependencies", DateTimeOffset.UnixEpoch);
        const string index = "/reg/bad/index.json";
        switch (kind)
        {
            case "status":
                registry.Say(index, "{}", 503);
                break;
            case "limited":
                registry.Say(index, "{}", 429);
                break;
            case "html":
                registry.Say(index, "<html>");
                break;
            case "cut":
                registry.Cut(index);
                break;
            case "shape":
                registry.Say(index, """{"items":{"a":1}}""");
                break;
            case "list":
                registry.Say(index, "[]");
                break;
            case "redirect":
                registry.Redirect(index, other.Address.AbsoluteUri);
                break;
            case "elsewhere":
                registry.Say(index, $$"""{"items":[{"@id":"{{other.Address}}page.json"}]}""");
                break;
        }

        var result = await ScanAsync(registry, files);

        Assert.Equal("registry_unreachable", Assert.Single(result.Problems).Reason);
        var matches = FindingTracker.Match("outdated-dependencies", known, result);
        Assert.Empty(matches.Gone);
        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Scan_RegistryGone_IsAskedAFewTimesOnly()
    {
        var registry = await LoopbackRegistry.StartAsync(Ct);
        var (nuget, npm) = (registry.NuGet, registry.Address);
        await registry.DisposeAsync();
        var references = string.Concat(Enumerable.Range(0, 50).Select(i => $"""<PackageReference Include="P{i}" Version="1.0.0" />"""));

        var result = await ScanAsync(nuget, npm, ("a.csproj", $"<Project><ItemGroup>{references}</ItemGroup></Project>"));

        var problem = Assert.Single(result.Problems);
        Assert.Equal("registry_unreachable", problem.Reason);
        Assert.Contains("50 dependencies", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(50, result.Unreadable.Count);
    }

    [Fact]
    public async Task Scan_HostileManifests_AreToldAndHurtNothing()
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        registry.NuGetPackage("fine", "1.0.0", "2.0.0");

        var result = await ScanAsync(
            registry,
            ("entities.csproj", """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Project>&a;</Project>"""),
            ("broken.csproj", "<Project><ItemGroup>"),
            ("package.json", "{\"dependencies\": [1,2"),
            ("package-lock.json", "[]"),
            ("loop.csproj", """<Project><PropertyGroup><A>$(B)</A><B>$(A)</B></PropertyGroup><ItemGroup><PackageReference Include="Fine" Version="$(A)" /><PackageReference Include="../../x" Version="1.0.0" /></ItemGroup></Project>"""),
            ("fine.csproj", """<Project><ItemGroup><PackageReference Include="Fine" Version="1.0.0" /><PackageReference Include="Missing" Version="1.0.0" /></ItemGroup></Project>"""));

        Assert.Equal(["fine.csproj:1 Fine 1.0.0 → 2.0.0"], Lines(result));
        Assert.Equal(["broken.csproj", "entities.csproj", "package-lock.json", "package.json"], result.Problems.Where(p => p.Reason == "unreadable_manifest").Select(p => p.Path).Order(StringComparer.Ordinal));
        Assert.Equal(["unclear_versions", "unknown_packages"], result.Problems.Where(p => p.Path is null).Select(p => p.Reason).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ScanAndPropose_NewVersionWithoutACommit_IsProposedOnceAndKeptUpToDate()
    {
        await using var registry = await LoopbackRegistry.StartAsync(Ct);
        registry.NpmPackage("thing", "1.0.0", "1.0.0");
        var configuration = ManagerConfiguration.Default with { Analyzer = Analyzer(registry.NuGet, registry.Address) };
        var time = new SkippingTime();
        using var scanner = NewScanner(configuration, time);
        await using var ground = await ScanGround.CreateAsync(Ct, configuration, scanner);
        await using var repository = await TestRepository.CreateAsync(Ct, ("package.json", """{"dependencies":{"thing":"1.0.0"}}"""));
        var id = await ground.AddAsync(repository, Ct);

        registry.NpmPackage("thing", "2.0.0", "2.0.0");
        time.Advance(TimeSpan.FromHours(2));
        var second = await ground.ScanAsync(id, Ct);
        registry.NpmPackage("thing", "2.1.0", "2.1.0");
        time.Advance(TimeSpan.FromHours(2));
        var third = await ground.ScanAsync(id, Ct);

        Assert.Equal((1, 0), (second.Proposed, third.Proposed));
        var item = Assert.Single(await ground.Store.ReadAsync((db, _) => Task.FromResult(db.WorkItems.ToList()), Ct));
        Assert.Equal(("Update thing from 1.0.0 to 2.1.0", WorkKind.Cleanup, """["task-proposal","dependencies"]"""), (item.Title, item.Kind, item.Labels));
        Assert.Contains("- `package.json:1` asks for `1.0.0`, uses `1.0.0`", item.Body, StringComparison.Ordinal);

        registry.Say("/thing", "{}", 500);
        time.Advance(TimeSpan.FromHours(2));
        var failed = await ground.ScanAsync(id, Ct);
        Assert.Equal((null, 0, "registry_unreachable"), (failed.Error, failed.Closed, Assert.Single(failed.Problems).Reason));

        registry.NpmPackage("thing", "1.0.0", "1.0.0");
        Assert.Equal(1, (await ground.ScanAsync(id, Ct)).Closed);
    }

    private static OutdatedDependenciesScanner NewScanner(ManagerConfiguration configuration, TimeProvider time)
    {
        var current = new CurrentConfiguration(configuration);
        var breakers = new CircuitBreakers(current, time, NullLogger<CircuitBreakers>.Instance);
        return new OutdatedDependenciesScanner(current, new UpstreamPipelines(current, breakers, time, new Random(3), NullLogger<UpstreamPipelines>.Instance), time);
    }

    private static AnalyzerConfiguration Analyzer(Uri nuget, Uri npm) => new() { ScanForTodos = false, ScanDependencies = true, NuGetRegistry = nuget, NpmRegistry = npm };

    private static IEnumerable<string> Lines(ScannerResult result) => result.Found.Select(f => $"{f.Path}:{f.Occurrence.Line} {f.Occurrence.Text}");

    private static Task<ScannerResult> ScanAsync(LoopbackRegistry registry, params (string Path, string Content)[] files) => ScanAsync(registry.NuGet, registry.Address, files);

    private static async Task<ScannerResult> ScanAsync(Uri nuget, Uri npm, params (string Path, string Content)[] files)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, files);
        var local = (await LocalRepository.OpenAsync(repository.Path, null, Ct)).Value!;
        using var scanner = NewScanner(ManagerConfiguration.Default, new SkippingTime());
        return await scanner.ScanAsync(new ScanRequest(local, null, Full: true, Explain: false, Analyzer(nuget, npm)), Ct);
    }
}
