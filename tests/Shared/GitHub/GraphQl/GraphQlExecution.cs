using System.Globalization;
using System.Text.Json;
using GraphQLParser;
using GraphQLParser.AST;
using GraphQLParser.Exceptions;

namespace ClaudeManager.Tests.Shared.GitHub.GraphQl;

/// <summary>Ends a whole query, or with <see cref="IsLocal"/> one field of it.</summary>
internal sealed class GraphQlException(string type, string message, bool isLocal = false) : Exception(message)
{
    public string Type => type;

    public bool IsLocal => isLocal;
}

/// <summary>A query as it came in: text, variables, and what it asks of the limits before it runs.</summary>
internal sealed class GraphQlRequest
{
    private GraphQlRequest(GraphQLDocument? document, GraphQLOperationDefinition? operation, JsonElement variables, string? error)
        => (Document, Operation, Variables, Error) = (document, operation, variables, error);

    public GraphQLDocument? Document { get; }

    public GraphQLOperationDefinition? Operation { get; }

    public JsonElement Variables { get; }

    public string? Error { get; }

    public bool IsMutation => Operation?.Operation is OperationType.Mutation;

    public static GraphQlRequest Parse(byte[] body)
    {
        try
        {
            var json = JsonDocument.Parse(body).RootElement;
            if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("query", out var query) || query.ValueKind != JsonValueKind.String)
            {
                return new GraphQlRequest(null, null, default, "A query attribute must be specified and must be a string.");
            }

            var document = Parser.Parse(query.GetString()!);
            var name = json.TryGetProperty("operationName", out var asked) && asked.ValueKind == JsonValueKind.String ? asked.GetString() : null;
            var operation = document.Definitions.OfType<GraphQLOperationDefinition>().FirstOrDefault(o => name is null || o.Name?.StringValue == name);
            return new GraphQlRequest(document, operation, json.TryGetProperty("variables", out var variables) ? variables : default, operation is null ? "No operation." : null);
        }
        catch (JsonException)
        {
            return new GraphQlRequest(null, null, default, "Problems parsing JSON");
        }
        catch (GraphQLSyntaxErrorException e)
        {
            return new GraphQlRequest(null, null, default, e.Message);
        }
    }
}

/// <summary>Runs one query over what the stand-in knows: errors come in a 200 beside the data there is, as GitHub's do.</summary>
internal sealed class GraphQlExecution
{
    private const int MostNodes = 500_000;

    private readonly GraphQlRequest _request;
    private readonly Func<int, Budget> _budget;
    private readonly List<object> _errors = [];
    private readonly Dictionary<string, GraphQLFragmentDefinition> _fragments;

    /// <param name="budget">The budget as it stands once this much is charged.</param>
    public GraphQlExecution(Call call, GraphQlRequest request, Func<int, Budget> budget)
    {
        (Call, _request, _budget) = (call, request, budget);
        _fragments = request.Document?.Definitions.OfType<GraphQLFragmentDefinition>().ToDictionary(f => f.FragmentName.Name.StringValue, StringComparer.Ordinal) ?? [];
    }

    public Call Call { get; }

    public int Cost { get; private set; } = 1;

    private int Nodes { get; set; }

    public Answer Run()
    {
        if (_request.Error is { } error)
        {
            return _request.Document is null && error.StartsWith("Problems", StringComparison.Ordinal) ? Answer.Refused(400, error) : Answer.Json(200, new { errors = new[] { new { message = error } } });
        }

        try
        {
            Measure();
            if (_request.IsMutation)
            {
                throw new GraphQlException("UNPROCESSABLE", "The stand-in has no mutations.");
            }

            var data = Select("Query", "Query", _request.Operation!.SelectionSet, []);
            return Answer.Json(200, _errors is [] ? new { data } : new { data, errors = _errors });
        }
        catch (GraphQlException e)
        {
            return Answer.Json(200, new { errors = new[] { new { type = e.Type, message = e.Message } } });
        }
    }

    public GitHubRepository? Repository(string owner, string name, bool followRenames)
    {
        var world = Call.World;
        var found = world.Repositories.GetValueOrDefault($"{owner}/{name}") ?? (followRenames ? world.Former.GetValueOrDefault($"{owner}/{name}") : null);
        return found is not null && Call.Credential.RoleIn(found) > GitHubRole.None ? found : throw new GraphQlException("NOT_FOUND", $"Could not resolve to a Repository with the name '{owner}/{name}'.", isLocal: true);
    }

    public static GitHubIssue Issue(GitHubRepository repository, int number, bool? pull)
        => repository.IssueNumbered(number) is { IsDeleted: false } issue && (pull is null || pull == issue.Pull is not null)
            ? issue
            : throw new GraphQlException("NOT_FOUND", $"Could not resolve to {(pull is true ? "a PullRequest" : "an Issue")} with the number of {number}.", isLocal: true);

    public GitHubUser User(string login) => Call.World.Users.TryGetValue(login, out var user) && !user.IsDeleted ? user : throw new GraphQlException("NOT_FOUND", $"Could not resolve to a User with the login of '{login}'.", isLocal: true);

    public object Node(string id)
    {
        var visible = Call.World.Repositories.Values.Where(r => Call.Credential.RoleIn(r) > GitHubRole.None);
        return visible.FirstOrDefault(r => Shapes.NodeId("R", r.Id) == id)
            ?? visible.SelectMany(r => r.Issues).FirstOrDefault(i => !i.IsDeleted && Shapes.IssueNodeId(i) == id)
            ?? (object?)Call.World.Users.Values.FirstOrDefault(u => !u.IsDeleted && Shapes.UserNodeId(u) == id)
            ?? throw new GraphQlException("NOT_FOUND", $"Could not resolve to a node with the global id of '{id}'", isLocal: true);
    }

    public GraphQlObject RateLimit()
    {
        var after = _budget(Cost);
        return new GraphQlObject("RateLimit", new Dictionary<string, object?>
        {
            ["cost"] = Cost,
            ["limit"] = after.Limit,
            ["remaining"] = after.Remaining,
            ["used"] = after.Used,
            ["resetAt"] = Shapes.Iso(after.Reset),
            ["nodeCount"] = Nodes,
        });
    }

    /// <summary>GitHub's price: one request for each connection that would be asked, a hundred of them a point; and the number of nodes at most.</summary>
    private void Measure()
    {
        var requests = 0L;
        var nodes = 0L;
        Visit(_request.Operation!.SelectionSet, 1);
        if (nodes > MostNodes)
        {
            throw new GraphQlException("MAX_NODE_LIMIT_EXCEEDED", $"This query requests up to {nodes} possible nodes which exceeds the maximum limit of {MostNodes}.");
        }

        (Cost, Nodes) = ((int)Math.Max(1, Math.Round(requests / 100.0, MidpointRounding.AwayFromZero)), (int)nodes);

        void Visit(GraphQLSelectionSet? set, long times)
        {
            foreach (var selection in set?.Selections ?? [])
            {
                switch (selection)
                {
                    case GraphQLField field:
                        var arguments = Arguments(field);
                        var size = (arguments.GetValueOrDefault("first") ?? arguments.GetValueOrDefault("last")) as long?;
                        if (size is < 1 or > 100)
                        {
                            throw new GraphQlException("EXCESSIVE_PAGINATION", $"Requesting {size} records on the `{field.Name.StringValue}` connection exceeds the `first` limit of 100 records.");
                        }

                        if (size is not null)
                        {
                            requests += times;
                            nodes += times * size.Value;
                        }
                        else if (IsConnection(field))
                        {
                            throw new GraphQlException("MISSING_PAGINATION_BOUNDARIES", $"You must provide a `first` or `last` value to properly paginate the `{field.Name.StringValue}` connection.");
                        }

                        Visit(field.SelectionSet, times * (size ?? 1));
                        break;
                    case GraphQLInlineFragment inline:
                        Visit(inline.SelectionSet, times);
                        break;
                    case GraphQLFragmentSpread spread:
                        Visit(Fragment(spread).SelectionSet, times);
                        break;
                    default:
                        break;
                }
            }
        }
    }

    private static bool IsConnection(GraphQLField field) => field.SelectionSet?.Selections.OfType<GraphQLField>().Any(f => f.Name.StringValue is "nodes" or "edges" or "pageInfo") == true;

    private GraphQLFragmentDefinition Fragment(GraphQLFragmentSpread spread)
        => _fragments.GetValueOrDefault(spread.FragmentName.Name.StringValue) ?? throw new GraphQlException("undefinedFragment", $"Fragment {spread.FragmentName.Name.StringValue} was used, but not defined");

    private Dictionary<string, object?> Select(object source, string type, GraphQLSelectionSet? set, IReadOnlyList<object> path)
    {
        var result = new Dictionary<string, object?>(StringComparer.Ordinal);
        Collect(set);
        return result;

        void Collect(GraphQLSelectionSet? selections)
        {
            foreach (var selection in selections?.Selections ?? throw new GraphQlException("selectionMismatch", $"Field must have selections (it is an object of type '{type}')"))
            {
                switch (selection)
                {
                    case GraphQLField field when Included(field.Directives):
                        var key = (field.Alias?.Name ?? field.Name).StringValue;
                        var value = Resolve(source, type, field, [.. path, key]);
                        // The same field asked for twice is answered once, with both selections.
                        result[key] = result.TryGetValue(key, out var before) && before is Dictionary<string, object?> both && value is Dictionary<string, object?> more
                            ? both.Concat(more).DistinctBy(p => p.Key).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal)
                            : value;
                        break;
                    case GraphQLInlineFragment inline when Included(inline.Directives) && (inline.TypeCondition is null || GraphQlSchema.IsA(type, inline.TypeCondition.Type.Name.StringValue)):
                        Collect(inline.SelectionSet);
                        break;
                    case GraphQLFragmentSpread spread when Included(spread.Directives) && GraphQlSchema.IsA(type, Fragment(spread).TypeCondition.Type.Name.StringValue):
                        Collect(Fragment(spread).SelectionSet);
                        break;
                    default:
                        break;
                }
            }
        }
    }

    private bool Included(GraphQLDirectives? directives)
    {
        foreach (var directive in directives?.Items ?? [])
        {
            var condition = directive.Arguments?.Items.FirstOrDefault(a => a.Name.StringValue == "if") is { } argument && Value(argument.Value) is true;
            if (directive.Name.StringValue == (condition ? "skip" : "include"))
            {
                return false;
            }
        }

        return true;
    }

    private object? Resolve(object source, string type, GraphQLField field, IReadOnlyList<object> path)
    {
        var name = field.Name.StringValue;
        if (name == "__typename")
        {
            return type;
        }

        var resolver = GraphQlSchema.Field(source, type, name) ?? throw new GraphQlException("undefinedField", $"Field '{name}' doesn't exist on type '{type}'");
        try
        {
            return Complete(resolver(this, source, Arguments(field)), field, path);
        }
        catch (GraphQlException e) when (e.IsLocal)
        {
            _errors.Add(new { type = e.Type, path, locations = new[] { Location(field) }, message = e.Message });
            return null;
        }
    }

    private object? Complete(object? value, GraphQLField field, IReadOnlyList<object> path) => value switch
    {
        null or string or bool or int or long => value,
        object?[] many => many.Select((item, i) => Complete(item, field, [.. path, i])).ToArray(),
        _ => Select(value, GraphQlSchema.TypeOf(value), field.SelectionSet, path),
    };

    private Dictionary<string, object?> Arguments(GraphQLField field)
        => field.Arguments?.Items.ToDictionary(a => a.Name.StringValue, a => Value(a.Value), StringComparer.Ordinal) ?? [];

    private object? Value(GraphQLValue value) => value switch
    {
        GraphQLVariable variable => Variable(variable.Name.StringValue),
        GraphQLStringValue text => text.Value.ToString(),
        GraphQLIntValue number => long.Parse(number.Value.Span, CultureInfo.InvariantCulture),
        GraphQLBooleanValue flag => flag.Value.ToString() == "true",
        GraphQLEnumValue constant => constant.Name.StringValue,
        GraphQLListValue list => (list.Values ?? []).Select(Value).ToArray(),
        GraphQLObjectValue plain => (plain.Fields ?? []).ToDictionary(f => f.Name.StringValue, f => Value(f.Value), StringComparer.Ordinal),
        _ => null,
    };

    private object? Variable(string name)
    {
        if (_request.Variables.ValueKind == JsonValueKind.Object && _request.Variables.TryGetProperty(name, out var value))
        {
            return FromJson(value);
        }

        return _request.Operation!.Variables?.Items.FirstOrDefault(v => v.Variable.Name.StringValue == name)?.DefaultValue is { } otherwise ? Value(otherwise) : null;
    }

    private static object? FromJson(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetInt64(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => value.EnumerateArray().Select(FromJson).ToArray(),
        JsonValueKind.Object => value.EnumerateObject().ToDictionary(p => p.Name, p => FromJson(p.Value), StringComparer.Ordinal),
        _ => null,
    };

    private object Location(GraphQLField field)
    {
        var at = GraphQLParser.Location.FromLinearPosition(_request.Document!.Source, field.Location.Start);
        return new { line = at.Line, column = at.Column };
    }
}
