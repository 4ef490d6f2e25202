using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fluid;
using Fluid.Values;

namespace ClaudeManager.Core.Agents.Prompts;

/// <summary>
/// Makes prompts from Liquid templates. Every value of the work item is inert text in the result, whatever the template does with it; the same input gives the same bytes, because an approval binds them.
/// Built-in templates leave the base commit out: else every commit to the repository would make every approval stale.
/// </summary>
/// <param name="directory">The operator's own templates: <c>NAME.md</c>, or <c>REPOSITORY/NAME.md</c> for one repository; null uses the built-in ones only.</param>
public sealed class PromptRenderer(string? directory = null)
{
    public const string FeatureImplementation = "feature_implementation";
    public const string RefactorCode = "refactor_code";
    public const string FixIssue = "fix_issue";

    /// <summary>The part every template ends with; overridable like a template.</summary>
    public const string Rules = "rules";

    private static readonly (string Template, string[] Labels)[] s_byLabel =
    [
        (FeatureImplementation, ["feature", "enhancement", "new"]),
        (RefactorCode, ["refactor", "todo", "cleanup", "tech-debt"]),
        (FixIssue, ["bug", "fix", "issue", "error"]),
    ];

    private static readonly string[] s_variables =
        ["title", "body", "labels", "kind", "repository", "base_commit", "finding", "findings", "path", "line", "marker", "symbol", "context", "context_start_line", "rules"];

    private static readonly PromptFinding s_example = new("src/a.cs", 1, "TODO", "TODO: example", "Example", "// TODO: example", 1);
    private static readonly FluidParser s_parser = new();
    private static readonly TemplateOptions s_options = Options();

    /// <summary>The template for a work item with these labels.</summary>
    public static string TemplateFor(IReadOnlyCollection<string> labels)
        => s_byLabel.FirstOrDefault(set => set.Labels.Any(label => labels.Contains(label, StringComparer.OrdinalIgnoreCase))).Template ?? FixIssue;

    /// <exception cref="PromptTemplateException">The operator's template cannot be used.</exception>
    public async Task<RenderedPrompt> RenderAsync(PromptInput input, CancellationToken ct)
    {
        var template = TemplateFor(input.Labels);
        Origin[] origins =
        [
            new("repository", false, input.FindingAuthor),
            input.Authorship switch
            {
                PromptAuthorship.Repository => new("repository", false, input.Author),
                PromptAuthorship.Issue => new("issue", false, input.Author),
                _ => new("operator", true, input.Author),
            },
            new("operator", true, null),
        ];
        var context = ContextOf(input);
        context.SetValue("rules", await FillAsync(Rules, input.Repository, context, ct));
        var filled = await FillAsync(template, input.Repository, context, ct);
        try
        {
            var (text, passages) = MarkedText.Resolve(filled, origins);
            return new RenderedPrompt(text, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), template, passages);
        }
        catch (InvalidOperationException e)
        {
            throw new PromptTemplateException(template, e.Message, e);
        }
    }

    /// <summary>Tries every template, without a finding, with one and with several, for everybody and for each repository that has its own. One line per problem.</summary>
    public async Task<IReadOnlyList<string>> ValidateAsync(CancellationToken ct)
    {
        var problems = new List<string>();
        foreach (var repository in RepositoriesWithTemplates().Prepend("example"))
        {
            foreach (var label in s_byLabel.Select(set => set.Labels[0]))
            {
                foreach (var findings in new PromptFinding[][] { [], [s_example], [s_example, s_example] })
                {
                    try
                    {
                        await RenderAsync(new PromptInput("Title", "Body", [label], Contracts.WorkKind.Cleanup, repository, new string('0', 40), Findings: findings), ct);
                    }
                    catch (PromptTemplateException e)
                    {
                        problems.Add(e.Message);
                    }
                }
            }
        }

        return [.. problems.Distinct()];
    }

    private IEnumerable<string> RepositoriesWithTemplates()
        => directory is null || !Directory.Exists(directory)
            ? []
            : Directory.EnumerateFiles(directory, "*.md", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(directory, Path.GetDirectoryName(file)!))
                .Where(repository => repository != ".")
                .Distinct()
                .Order(StringComparer.Ordinal);

    private async Task<string> FillAsync(string name, string repository, TemplateContext context, CancellationToken ct)
    {
        var (source, label) = await SourceAsync(name, repository, ct);
        if (!s_parser.TryParse(source, out var template, out var error))
        {
            throw new PromptTemplateException(label, error);
        }

        try
        {
            return await template.RenderAsync(context, NullEncoder.Default);
        }
        catch (Exception e) when (e is FluidException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new PromptTemplateException(label, e.Message, e);
        }
    }

    private async Task<(string Source, string Label)> SourceAsync(string name, string repository, CancellationToken ct)
    {
        foreach (var file in OwnFiles(name, repository))
        {
            try
            {
                return ((await File.ReadAllTextAsync(file, ct)).ReplaceLineEndings("\n"), file);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                // Not overridden here.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new PromptTemplateException(file, e.Message, e);
            }
        }

        await using var builtIn = typeof(PromptRenderer).Assembly.GetManifestResourceStream($"prompts/{name}.md") ?? throw new InvalidOperationException($"The prompt template {name} is not part of this build.");
        using var reader = new StreamReader(builtIn);
        return (await reader.ReadToEndAsync(ct), name);
    }

    private IEnumerable<string> OwnFiles(string name, string repository)
    {
        if (directory is null)
        {
            yield break;
        }

        // A repository's name may hold anything; it must not lead out of the operator's folder.
        var root = Path.GetFullPath(directory);
        var own = repository.Contains('\0') ? root : Path.GetFullPath(Path.Combine(root, repository));
        if (own.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            yield return Path.Combine(own, name + ".md");
        }

        yield return Path.Combine(root, name + ".md");
    }

    private static TemplateContext ContextOf(PromptInput input)
    {
        const int Code = 0, Task = 1, Operator = 2;
        var context = new TemplateContext(s_options);
        Set("title", input.Title, Task);
        Set("body", input.Body, Task);
        Set("repository", input.Repository, Operator);
        Set("base_commit", input.BaseCommit, Operator);
        Set("finding", input.Finding?.Text, Code);
        Set("path", input.Finding?.Path, Code);
        Set("marker", input.Finding?.Marker, Code);
        Set("symbol", input.Finding?.Symbol, Code);
        Set("context", input.Finding?.Context, Code);
        context.SetValue("kind", input.Kind.ToString().ToLowerInvariant());
        context.SetValue("findings", Number(input.Findings is { Count: > 1 } several ? several.Count : null));
        context.SetValue("line", Number(input.Finding?.Line));
        context.SetValue("context_start_line", Number(input.Finding?.ContextStartLine));
        context.SetValue("labels", input.Labels.Count == 0 ? NilValue.Instance : new ArrayValue([.. input.Labels.Select(label => new StringValue(MarkedText.Wrap(label, Task)))]));
        return context;

        // Blank counts as absent, so that a template can ask by a plain if.
        void Set(string name, string? value, int origin)
            => context.SetValue(name, string.IsNullOrWhiteSpace(value) ? NilValue.Instance : new StringValue(MarkedText.Wrap(value, origin)));

        static FluidValue Number(int? value) => value is null ? NilValue.Instance : NumberValue.Create(value.Value);
    }

    private static TemplateOptions Options()
    {
        var options = new TemplateOptions
        {
            // The engine asks for a value that is set but absent as well, so its own strictness would refuse an optional one.
            Undefined = name => s_variables.Contains(name) ? new(NilValue.Instance) : throw new InvalidOperationException($"there is no variable '{name}'; known are {string.Join(", ", s_variables)}."),
            StrictFilters = true,
            MaxSteps = 10_000,
            CultureInfo = CultureInfo.InvariantCulture,
            Now = () => throw new InvalidOperationException("a prompt must not depend on the time: an approval binds its text."),
        };
        options.Filters.AddFilter("quote", (input, _, _) => Text(input, MarkedText.AsBlock));
        options.Filters.AddFilter("truncate", (input, arguments, _) => Text(input, value => MarkedText.Change(value, text => Truncate(text, Count(arguments)))));
        options.Filters.AddFilter("truncate_lines", (input, arguments, _) => Text(input, value => MarkedText.Change(value, text => TruncateLines(text, Count(arguments)))));
        options.Filters.AddFilter("bullets", (input, _, context) => new StringValue(string.Join('\n', input.Enumerate(context).Select(item => "- " + item.ToStringValue()))));
        return options;
    }

    /// <summary>What is absent stays absent.</summary>
    private static ValueTask<FluidValue> Text(FluidValue input, Func<string, string> change) => new(input.IsNil() ? input : new StringValue(change(input.ToStringValue())));

    private static int Count(FilterArguments arguments)
        => (int)arguments.At(0).ToNumberValue() is var count and > 0 ? count : throw new InvalidOperationException("truncate and truncate_lines need a number above 0.");

    private static string Truncate(string text, int count)
    {
        if (text.Length <= count)
        {
            return text;
        }

        var kept = char.IsHighSurrogate(text[count - 1]) ? count - 1 : count;
        return FormattableString.Invariant($"{text[..kept]}… [{text.Length - kept} characters left out]");
    }

    private static string TruncateLines(string text, int count)
    {
        var lines = text.Split('\n');
        return lines.Length <= count ? text : FormattableString.Invariant($"{string.Join('\n', lines[..count])}\n… [{lines.Length - count} lines left out]");
    }
}
