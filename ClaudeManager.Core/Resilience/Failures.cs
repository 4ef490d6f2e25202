using System.Data.Common;
using System.Net.Sockets;
using ClaudeManager.Core.Contracts;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Resilience;

/// <summary>Which kind of trouble an exception is. The one place that decides it.</summary>
public static class Failures
{
    public static FailureClass Classify(Exception exception) => exception switch
    {
        ClaudeManagerException known => known.Failure,
        OperationCanceledException => FailureClass.Cancelled,
        TimeoutException or HttpRequestException or SocketException => FailureClass.Transient,
        DbUpdateConcurrencyException => FailureClass.Transient,
        DbException { IsTransient: true } => FailureClass.Transient,
        // Entity Framework wraps what could be tried again.
        InvalidOperationException { InnerException: { } inner and (DbException or DbUpdateException) } => Classify(inner),
        DbUpdateException { InnerException: { } inner } => Classify(inner),
        AggregateException { InnerExceptions: [var only] } => Classify(only),
        _ => FailureClass.Infrastructure,
    };

    public static string CodeOf(Exception exception) => exception is ClaudeManagerException known ? known.Code : ErrorCodes.Unexpected.Name;
}
