using System.Reflection;
using Microsoft.AspNetCore.Components;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace ClaudeManager.Architecture.Tests;

/// <summary>Habits the compiler does not hold: the analyzer that seals classes looks at internal ones only.</summary>
public sealed class TypeTests
{
    // Generators put their types into namespaces of their own, and Program into none.
    private static readonly Type[] s_types =
    [
        .. new[] { "Core", "ServiceDefaults", "Api", "Worker", "Web", "Cli" }
            .SelectMany(project => Assembly.Load("ClaudeManager." + project).GetTypes())
            .Where(type => type.Namespace?.StartsWith("ClaudeManager", StringComparison.Ordinal) == true),
    ];

    // Generated, or made by a framework that derives from them.
    private static readonly Type[] s_frameworkBases = [typeof(ComponentBase), typeof(Migration), typeof(ModelSnapshot)];

    [Fact]
    public void Classes_NobodyDerivesFrom_AreSealed()
    {
        var classes = s_types.Where(type => type.IsClass).ToList();
        var bases = classes.Select(type => Definition(type.BaseType)).ToHashSet();

        var open = classes.Where(type => type.IsVisible && !type.IsAbstract && !type.IsSealed
            && type.Name != "_Imports" // Razor makes a class of that file, which is not ours to seal.
            && !bases.Contains(type) && !s_frameworkBases.Any(known => known.IsAssignableFrom(type)));

        Assert.Empty(open.Select(type => type.FullName));
    }

    // Words that say nothing about what a type is.
    [Fact]
    public void Types_TheirNames_SayWhatTheyAre()
    {
        string[] empty = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility"];

        Assert.DoesNotContain(s_types.Select(type => type.Name.Split('`')[0]), name => empty.Any(word => name.EndsWith(word, StringComparison.Ordinal)));
    }

    private static Type? Definition(Type? type) => type is { IsGenericType: true } ? type.GetGenericTypeDefinition() : type;
}
