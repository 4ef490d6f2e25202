using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace ClaudeManager.Core.Persistence;

/// <summary>SQLite has no time type: UTC ticks sort and compare in SQL. Raw SQL must convert its parameters the same way.</summary>
internal sealed class UtcTicksConverter() : ValueConverter<DateTimeOffset, long>(v => v.UtcTicks, v => new DateTimeOffset(v, TimeSpan.Zero));
