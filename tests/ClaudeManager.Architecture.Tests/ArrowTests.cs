using System.Xml.Linq;

namespace ClaudeManager.Architecture.Tests;

/// <summary>The arrows of <c>docs/architecture.md</c>: who may use whom.</summary>
public sealed class ArrowTests
{
    private const string Prefix = "ClaudeManager.";

    public static TheoryData<string, string[]> Allowed => new()
    {
        { "Core", [] },
        { "ServiceDefaults", [] },
        { "Api", ["Core", "ServiceDefaults"] },
        { "Worker", ["Core", "ServiceDefaults"] },
        { "Web", ["Core", "ServiceDefaults"] },
        { "Cli", ["Core", "ServiceDefaults", "Api", "Worker", "Web"] },
        { "AppHost", ["Cli", "Api", "Worker", "Web"] }, // Cli without Aspire, the three hosts as resources with it
    };

    // Of AppHost only one side is compiled at a time, so its project file must do.
    public static TheoryData<string, string[]> AllowedOfLibraries => [.. Allowed.Where(row => row.Data.Item1 != "AppHost")];

    [Theory]
    [MemberData(nameof(Allowed))]
    public void Project_ItsReferences_AreAllowedArrows(string project, string[] allowed)
    {
        var file = XDocument.Load(Path.Combine(RepositoryRoot.Path, Prefix + project, Prefix + project + ".csproj"));
        var references = file.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));

        Assert.Subset(Names(allowed), references.ToHashSet());
    }

    [Theory]
    [MemberData(nameof(AllowedOfLibraries))]
    public void Assembly_WhatItUses_AreAllowedArrows(string project, string[] allowed)
    {
        using var assembly = new CompiledAssembly(Prefix + project);
        var used = assembly.ReferencedAssemblies.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal));

        Assert.Subset(Names(allowed), used.ToHashSet());
    }

    [Fact]
    public void Projects_InTheSolutionFolder_AllHaveTheirArrows()
    {
        var projects = Directory.EnumerateDirectories(RepositoryRoot.Path, Prefix + "*").Select(folder => Path.GetFileName(folder)[Prefix.Length..]).Order();

        Assert.Equal(Allowed.Select(row => row.Data.Item1).Order(), projects);
    }

    [Fact]
    public void Web_OfCore_UsesContractsOnly()
    {
        using var web = new CompiledAssembly(Prefix + "Web");

        Assert.All(web.TypesUsedFrom(Prefix + "Core"), type => Assert.StartsWith("ClaudeManager.Core.Contracts.", type, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Web")]
    [InlineData("Cli")]
    [InlineData("ServiceDefaults")]
    public void Assembly_WithoutBusinessInTheStore_DoesNotUseIt(string project)
    {
        using var assembly = new CompiledAssembly(Prefix + project);

        Assert.DoesNotContain(assembly.ReferencedAssemblies, name => name.StartsWith("Microsoft.EntityFrameworkCore", StringComparison.Ordinal) || name.StartsWith("Npgsql", StringComparison.Ordinal));
    }

    // One transaction = state change + audit entry + event is the promise of Core's Store; a write past it would break it unseen.
    [Theory]
    [InlineData("Api")]
    [InlineData("Worker")]
    public void Host_Writes_GoThroughCore(string project)
    {
        using var assembly = new CompiledAssembly(Prefix + project);
        string[] writes = ["SaveChanges", "SaveChangesAsync", "ExecuteUpdate", "ExecuteUpdateAsync", "ExecuteDelete", "ExecuteDeleteAsync", "ExecuteSql", "ExecuteSqlAsync", "ExecuteSqlRaw", "ExecuteSqlRawAsync"];

        Assert.DoesNotContain(assembly.MembersUsed, member => writes.Contains(member[(member.LastIndexOf('.') + 1)..], StringComparer.Ordinal));
    }

    private static HashSet<string> Names(string[] projects) => [.. projects.Select(project => Prefix + project)];
}
