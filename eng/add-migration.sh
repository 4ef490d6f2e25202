#!/usr/bin/env bash
# Adds one migration to both providers: eng/add-migration.sh NAME
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet tool restore >/dev/null
for provider in Sqlite Postgres; do
  dotnet ef migrations add "$1" --project ClaudeManager.Core --context "${provider}ManagerDbContext" --output-dir "Persistence/Migrations/$provider"
done
