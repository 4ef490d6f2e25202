namespace ClaudeManager.Core.Configuration;

/// <summary>Everything a configuration is made from, weakest first: defaults, file, environment, command line.</summary>
public sealed record ConfigurationSources
{
    /// <summary>Text of the file; null when there is none.</summary>
    public string? Text { get; init; }

    /// <summary>Name of the file, as findings show it.</summary>
    public string Name { get; init; } = "config.json";

    /// <summary>The process environment.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Keys given on the command line, e.g. <c>server.port</c> → <c>9000</c>.</summary>
    public IReadOnlyDictionary<string, string> Overrides { get; init; } = new Dictionary<string, string>();

    /// <summary>Environment name from the command line.</summary>
    public string? Environment { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>development, staging or production, if the name given is right.</summary>
    internal string EnvironmentName => (Environment ?? Variable("ENVIRONMENT") ?? Variable("DOTNET_ENVIRONMENT") ?? Variable("ASPNETCORE_ENVIRONMENT") ?? "development").ToLowerInvariant();

    /// <summary>An empty variable counts as not set.</summary>
    internal string? Variable(string name) => Variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}

/// <summary>The result. With an invalid report the configuration is only good for showing.</summary>
public sealed record LoadedConfiguration(ManagerConfiguration Configuration, ConfigurationReport Report);
