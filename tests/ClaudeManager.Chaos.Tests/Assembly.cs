using Xunit.Sdk;
using Xunit.v3;

// Each test starts a whole fleet: side by side they would only starve each other.
[assembly: Parallelization(Mode = ParallelMode.None)]
