using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class QueueIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_runs_started_at",
                table: "runs");

            migrationBuilder.CreateIndex(
                name: "ix_runs_repository_id_score_id",
                table: "runs",
                columns: new[] { "repository_id", "score", "id" },
                descending: new[] { false, true, false },
                filter: "state IN ('queued', 'parked')");

            migrationBuilder.CreateIndex(
                name: "ix_runs_repository_id_started_at",
                table: "runs",
                columns: new[] { "repository_id", "started_at" });

            migrationBuilder.CreateIndex(
                name: "ix_runs_started_at_repository_id_cost_micro_usd",
                table: "runs",
                columns: new[] { "started_at", "repository_id", "cost_micro_usd" },
                filter: "cost_micro_usd IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_runs_repository_id_score_id",
                table: "runs");

            migrationBuilder.DropIndex(
                name: "ix_runs_repository_id_started_at",
                table: "runs");

            migrationBuilder.DropIndex(
                name: "ix_runs_started_at_repository_id_cost_micro_usd",
                table: "runs");

            migrationBuilder.CreateIndex(
                name: "ix_runs_started_at",
                table: "runs",
                column: "started_at");
        }
    }
}
