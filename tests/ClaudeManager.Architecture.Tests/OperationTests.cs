using System.Reflection;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace ClaudeManager.Architecture.Tests;

/// <summary>Whatever is done for somebody, or by itself, runs in <c>Core.Operations.Operation</c>. The Api's own tests hold the same of its endpoints.</summary>
public sealed class OperationTests
{
    private const string Core = "ClaudeManager.Core";
    private const string Loop = "ClaudeManager.Worker.Loops.Loop";

    /// <summary>Services that run for as long as their process and are no <c>Loop</c>.</summary>
    private static readonly Dictionary<string, string> s_services = new()
    {
        ["ClaudeManager.Core.Agents.Gateway.ModelGateway"] = "answers agents; takes the key of a run, which only a run's operation gives out",
        ["ClaudeManager.Core.Events.EventRelay"] = "carries wake-ups between processes and changes nothing",
        ["ClaudeManager.Api.Operations.InstancePresence"] = "each beat is an operation; Api has no loops",
        ["ClaudeManager.Web.Services.EventFeed"] = "reads the Api's feed; Web does nothing by itself",
    };

    /// <summary>What the command line uses of Core besides contracts and configuration. Everything else is asked of the Api.</summary>
    private static readonly Dictionary<string, string> s_ofTheCommandLine = new()
    {
        ["ClaudeManager.Core.CoreRegistration"] = "hosts the product in this process",
        ["ClaudeManager.Core.Runs.DataDirectoryOwnership"] = "hosts the product in this process",
        ["ClaudeManager.Core.Fleet.InstanceIdentity"] = "hosts the product in this process",
        ["ClaudeManager.Core.Persistence.StoreTarget"] = "which store it is",
        ["ClaudeManager.Core.Persistence.StoreTarget.Sqlite"] = "which store it is",
        ["ClaudeManager.Core.Persistence.PersistenceRegistration"] = "the store without a server",
        ["ClaudeManager.Core.Persistence.DatabaseAdministration"] = "the store without a server; OpenStore gives it to operations alone",
        ["ClaudeManager.Core.Operations.Operation"] = "the way in",
        ["ClaudeManager.Core.Operations.OperationContext"] = "the way in",
        ["ClaudeManager.Core.Operations.OperationCatalog"] = "the way in",
        ["ClaudeManager.Core.Operations.OperationDescriptor"] = "the way in",
        ["ClaudeManager.Core.Operations.OperationSubject"] = "the way in",
        ["ClaudeManager.Core.Operations.Caller"] = "the way in",
        ["ClaudeManager.Core.Operations.Outcome`1"] = "the answer of LocalRepository",
        ["ClaudeManager.Core.Repositories.RepositoryPlace"] = "reads what somebody typed: a path or a name",
        ["ClaudeManager.Core.GitHub.RepositoryName"] = "reads what somebody typed: a path or a name",
        ["ClaudeManager.Core.Repositories.LocalRepository"] = "which repository somebody stands in: read by git, nothing of the store",
    };

    [Theory]
    [InlineData("Core")]
    [InlineData("Api")]
    [InlineData("Worker")]
    [InlineData("Web")]
    [InlineData("Cli")]
    public void Service_OfAnyHost_IsALoopOrHasItsReason(string project)
    {
        var services = Assembly.Load("ClaudeManager." + project).GetTypes().Where(type => type is { IsClass: true, IsAbstract: false } && typeof(IHostedService).IsAssignableFrom(type));

        Assert.Empty(services.Where(type => !IsLoop(type)).Select(type => type.FullName!).Except(s_services.Keys));
    }

    [Fact]
    public void Worker_WhatItHosts_AreLoopsOrHaveTheirReason()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var before = builder.Services.Count;
        builder.AddWorker();
        var hosted = builder.Services.Skip(before).Where(service => service.ServiceType == typeof(IHostedService)).ToList();

        Assert.True(hosted.Count > 5);
        var types = hosted.Select(service => service.ImplementationType ?? service.ImplementationFactory!.Method.ReturnType);
        Assert.All(types, type => Assert.True(IsLoop(type) || s_services.ContainsKey(type.FullName!), type.FullName));
    }

    // A context of one's own would be a way past the permissions.
    [Theory]
    [InlineData("Api")]
    [InlineData("Worker")]
    [InlineData("Cli")]
    public void Host_ItsContexts_ComeFromOperations(string project)
    {
        using var assembly = new CompiledAssembly("ClaudeManager." + project);
        string[] own = [Core + ".Operations.OperationContext.Create", Core + ".Operations.OperationContext..ctor"];

        Assert.Empty(assembly.MembersUsed.Intersect(own));
    }

    [Fact]
    public void Cli_OfCore_UsesContractsConfigurationAndTheWayIn()
    {
        using var cli = new CompiledAssembly("ClaudeManager.Cli");
        var used = cli.TypesUsedFrom(Core).Where(type => !type.StartsWith(Core + ".Contracts.", StringComparison.Ordinal) && !type.StartsWith(typeof(StartupSettings).Namespace + ".", StringComparison.Ordinal));

        Assert.Empty(used.Distinct().Except(s_ofTheCommandLine.Keys));
    }

    private static bool IsLoop(Type? type) => type is not null && (type.FullName == Loop || IsLoop(type.BaseType));
}
