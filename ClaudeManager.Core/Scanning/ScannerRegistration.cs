using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Core.Scanning;

internal static class ScannerRegistration
{
    /// <summary>Every scanner there is: a new one is one class, and nothing else knows of it.</summary>
    public static IServiceCollection AddScanners(this IServiceCollection services)
    {
        foreach (var scanner in typeof(IScanner).Assembly.GetTypes().Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(IScanner))).OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            services.AddSingleton(typeof(IScanner), scanner);
        }

        return services;
    }
}
