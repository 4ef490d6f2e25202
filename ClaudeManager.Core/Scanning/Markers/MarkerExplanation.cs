namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>What became of one place where the letters of a marker occur.</summary>
/// <param name="Line">Line of the hit, from 1.</param>
/// <param name="Marker">The canonical word.</param>
/// <param name="Verdict">One of <see cref="Verdicts"/>.</param>
/// <param name="Text">The line it is on, cut and cleaned of control characters.</param>
public sealed record MarkerExplanation(int Line, string Marker, string Verdict, string Text);
