using ClaudeManager.Core;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Runs;
using ClaudeManager.ServiceDefaults;
using ClaudeManager.Worker;

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.AddServiceDefaults();
builder.Services.AddLoopbackOnly();
builder.Services.AddEndAtSecondSignal();
builder.Services.AddManagerCore(StartupSettings.Load(new StartupOptions()), InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(Exclusive: false));
builder.AddWorker();

var app = builder.Build();
app.MapDefaultEndpoints();
await app.Services.PrepareManagerAsync(migrate: false, CancellationToken.None);
await app.RunAsync();
