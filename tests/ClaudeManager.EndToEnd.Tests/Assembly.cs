using ClaudeManager.Web.Tests;
using Xunit.Sdk;
using Xunit.v3;

// Each test starts whole servers: side by side they would only measure each other.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(Browser))]
