using ClaudeManager.Api;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Runs;
using ClaudeManager.ServiceDefaults;

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.AddServiceDefaults();
builder.Services.AddEndAtSecondSignal();
builder.Services.AddManagerCore(StartupSettings.Load(new StartupOptions()), InstanceIdentity.Create("api", TimeProvider.System), new DataDirectoryOwnership(Exclusive: false));
builder.Services.AddHostedService<InstancePresence>();
builder.AddApi();

var app = builder.Build();
app.MapDefaultEndpoints();
app.MapApi();
await app.Services.PrepareManagerAsync(migrate: false, CancellationToken.None);
await app.RunAsync();
