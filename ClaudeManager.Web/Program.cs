using ClaudeManager.ServiceDefaults;
using ClaudeManager.Web;

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.AddServiceDefaults();
builder.AddWeb(WebSettings.Discovered);

var app = builder.Build();
app.MapDefaultEndpoints();
app.MapWeb();
await app.RunAsync();
