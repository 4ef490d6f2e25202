var builder = DistributedApplication.CreateBuilder(args);

// 32 random bytes in base64: `openssl rand -base64 32`. Approvals are signed under it.
var masterKey = builder.AddParameter("credential-encryption-key", secret: true);
var anthropicKey = builder.AddParameter("anthropic-api-key", secret: true);

var database = builder.AddPostgres("postgres")
    .WithDataVolume()
    .WithLifetime(ContainerLifetime.Persistent)
    .WithPgWeb()
    .AddDatabase("claudemanager");

var redis = builder.AddRedis("redis")
    .WithDataVolume()
    .WithPersistence()
    .WithLifetime(ContainerLifetime.Persistent)
    .WithRedisInsight();

var migrate = builder.AddProject<Projects.ClaudeManager_Cli>("migrate")
    .WithArgs("db", "migrate")
    .WithReference(database).WaitFor(database);

var api = builder.AddProject<Projects.ClaudeManager_Api>("api")
    .WithHttpEndpoint()
    .WithHttpHealthCheck("/readyz")
    .WithReference(database).WaitFor(database)
    .WithReference(redis).WaitFor(redis)
    .WithEnvironment("CREDENTIAL_ENCRYPTION_KEY", masterKey)
    .WaitForCompletion(migrate);

builder.AddProject<Projects.ClaudeManager_Worker>("worker")
    .WithHttpEndpoint()
    .WithHttpHealthCheck("/readyz")
    .WithReference(database).WaitFor(database)
    .WithReference(redis).WaitFor(redis)
    .WithEnvironment("CREDENTIAL_ENCRYPTION_KEY", masterKey)
    .WithEnvironment("ANTHROPIC_API_KEY", anthropicKey)
    .WaitForCompletion(migrate);

// The one public origin: it serves the dashboard and forwards the API.
builder.AddProject<Projects.ClaudeManager_Web>("web")
    .WithHttpEndpoint()
    .WithExternalHttpEndpoints()
    .WithHttpHealthCheck("/readyz")
    .WithReference(api).WaitFor(api);

await builder.Build().RunAsync();
