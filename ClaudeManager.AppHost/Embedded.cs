// No Aspire: the same three hosts, in this one process, on SQLite and in-process limits.
return await ClaudeManager.Cli.CommandLine.RunAsync(["start", "--any-port", .. args]);
