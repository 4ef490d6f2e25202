using ClaudeManager.Cli;

return await CommandLine.RunAsync(args);
