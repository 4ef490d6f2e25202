using System.Globalization;
using ClaudeManager.Core.Persistence;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace ClaudeManager.Core.Configuration;

/// <summary>Turns the ways to name a database into one <see cref="StoreTarget"/>.</summary>
internal static class DatabaseAddress
{
    /// <summary>Statements kept prepared on a connection: more than the queue and the feed ask in turns.</summary>
    private const int PreparedStatements = 100;

    /// <summary>The parameters of libpq's URLs that drivers of other languages put into <c>DATABASE_URL</c>, under Npgsql's names.</summary>
    private static readonly Dictionary<string, string> s_parameters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sslmode"] = "SSL Mode",
        ["ssl_mode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["options"] = "Options",
        ["target_session_attrs"] = "Target Session Attributes",
        ["channel_binding"] = "Channel Binding",
        ["host"] = "Host",
        ["port"] = "Port",
        ["user"] = "Username",
        ["password"] = "Password",
        ["dbname"] = "Database",
    };

    /// <exception cref="FormatException">It names no database. The message holds nothing of the connection string.</exception>
    public static StoreTarget Resolve(DatabaseConfiguration database, string sqliteFile)
    {
        if (database.ConnectionString?.Reveal().Trim() is not { Length: > 0 } text)
        {
            return database.Type == "postgresql"
                ? throw new FormatException("The type is postgresql, but there is no connection string.")
                : new StoreTarget.Sqlite(sqliteFile);
        }

        return SqliteFile(text) is { } file ? new StoreTarget.Sqlite(Path.GetFullPath(file)) : new StoreTarget.Postgres(Postgres(text, database).ConnectionString);
    }

    private static string? SqliteFile(string text)
    {
        const string url = "sqlite:";
        if (text.StartsWith(url, StringComparison.OrdinalIgnoreCase))
        {
            // sqlite:///relative and sqlite:////absolute, as SQLAlchemy writes them; sqlite:file is what people write.
            var file = text[url.Length..];
            file = file.StartsWith("///", StringComparison.Ordinal) ? file[3..] : file;
            return file.Length == 0 ? throw new FormatException("A sqlite: address without a file.") : file;
        }

        var key = text.Split('=', 2)[0].Trim();
        if (!key.Equals("Data Source", StringComparison.OrdinalIgnoreCase) && !key.Equals("DataSource", StringComparison.OrdinalIgnoreCase) && !key.Equals("Filename", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        try
        {
            return new SqliteConnectionStringBuilder(text).DataSource is { Length: > 0 } source ? source : throw new FormatException("Data Source is empty.");
        }
        catch (ArgumentException)
        {
            throw new FormatException("It is not a SQLite connection string.");
        }
    }

    private static NpgsqlConnectionStringBuilder Postgres(string text, DatabaseConfiguration database)
    {
        NpgsqlConnectionStringBuilder target;
        try
        {
            target = text.Contains("://", StringComparison.Ordinal) ? FromUrl(text) : new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or KeyNotFoundException or InvalidCastException)
        {
            // The driver's message may quote the text, and the text may hold the password.
            throw new FormatException("It is neither a postgres:// address nor a connection string of key=value pairs.");
        }

        if (string.IsNullOrEmpty(target.Host))
        {
            throw new FormatException("It names no host.");
        }

        // What the string itself says goes first.
        SetUnlessGiven(target, "Minimum Pool Size", database.MinConnections);
        SetUnlessGiven(target, "Maximum Pool Size", database.MaxConnections);
        SetUnlessGiven(target, "Timeout", (int)database.ConnectionTimeout.TotalSeconds);
        // Planning costs the server more than most of what is asked. Whoever stands behind a pooler that does not know prepared statements says Max Auto Prepare=0.
        SetUnlessGiven(target, "Max Auto Prepare", PreparedStatements);
        // Nothing outlives a transaction in a session of ours, so nothing has to be reset for the next one.
        SetUnlessGiven(target, "No Reset On Close", true);
        return target;
    }

    private static void SetUnlessGiven(NpgsqlConnectionStringBuilder target, string key, object value)
    {
        if (!target.ShouldSerialize(key))
        {
            target[key] = value;
        }
    }

    private static NpgsqlConnectionStringBuilder FromUrl(string text)
    {
        // Python drivers write postgresql+psycopg://.
        var scheme = text[..text.IndexOf("://", StringComparison.Ordinal)].Split('+')[0];
        if (scheme is not ("postgres" or "postgresql"))
        {
            throw new FormatException("Only postgres:// and sqlite: addresses are known.");
        }

        // A user without a host (the host is then a parameter, a socket's directory) is valid for libpq, but not for Uri.
        var rest = text[text.IndexOf("://", StringComparison.Ordinal)..];
        var authority = rest.IndexOfAny(['/', '?'], 3) is var end && end < 0 ? rest.Length : end;
        rest = rest[authority - 1] == '@' ? rest.Insert(authority, "localhost") : rest;
        if (!Uri.TryCreate("postgres" + rest, UriKind.Absolute, out var url))
        {
            throw new FormatException("It is not a well-formed postgres:// address; characters like @ : / % in a password must be percent-encoded.");
        }

        var target = new NpgsqlConnectionStringBuilder { Host = url.Host };
        if (url.Port > 0)
        {
            target.Port = url.Port;
        }

        if (url.AbsolutePath.Length > 1)
        {
            target.Database = Uri.UnescapeDataString(url.AbsolutePath[1..]);
        }

        var user = url.UserInfo.Split(':', 2);
        if (user[0].Length > 0)
        {
            target.Username = Uri.UnescapeDataString(user[0]);
        }

        if (user.Length == 2)
        {
            target.Password = Uri.UnescapeDataString(user[1]);
        }

        foreach (var parameter in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = parameter.Split('=', 2) is [var n, var v] ? (n, Uri.UnescapeDataString(v)) : (parameter, "");
            if (!s_parameters.TryGetValue(name, out var key))
            {
                throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"Unknown parameter \"{name}\"; known are {string.Join(", ", s_parameters.Keys)}."));
            }

            target[key] = key is "SSL Mode" ? value.Replace("-", "", StringComparison.Ordinal) : value;
        }

        return target;
    }
}
