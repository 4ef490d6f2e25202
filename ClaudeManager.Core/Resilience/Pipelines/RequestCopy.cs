namespace ClaudeManager.Core.Resilience.Pipelines;

internal static class RequestCopy
{
    /// <summary>A message that says the same. The content is shared: it must be one that can be read again, and whoever made the original disposes of it.</summary>
    public static HttpRequestMessage Copy(this HttpRequestMessage request)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri) { Content = request.Content, Version = request.Version, VersionPolicy = request.VersionPolicy };
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            if (values.Count == 1)
            {
                copy.Headers.TryAddWithoutValidation(name, values.ToString());
            }
            else
            {
                copy.Headers.TryAddWithoutValidation(name, values);
            }
        }

        foreach (var (name, value) in request.Options)
        {
            ((IDictionary<string, object?>)copy.Options)[name] = value;
        }

        return copy;
    }
}
