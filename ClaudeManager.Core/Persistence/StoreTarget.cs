using Microsoft.Data.Sqlite;
using Npgsql;

namespace ClaudeManager.Core.Persistence;

/// <summary>Which database: a SQLite file of ours, or a PostgreSQL by connection string.</summary>
public abstract record StoreTarget
{
    private StoreTarget()
    {
    }

    /// <summary>For people: no password in it.</summary>
    public abstract string Description { get; }

    public sealed record Sqlite(string File) : StoreTarget
    {
        public override string Description => File;

        internal string ConnectionString => new SqliteConnectionStringBuilder { DataSource = File, DefaultTimeout = 30 }.ToString();
    }

    public sealed record Postgres(string ConnectionString) : StoreTarget
    {
        public override string Description
        {
            get
            {
                var parts = new NpgsqlConnectionStringBuilder(ConnectionString);
                return $"{parts.Host}:{parts.Port}/{parts.Database}";
            }
        }

        public override string ToString() => Description;
    }
}
