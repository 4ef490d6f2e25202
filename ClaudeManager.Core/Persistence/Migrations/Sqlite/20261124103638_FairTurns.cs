using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class FairTurns : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "process_space",
                table: "instances",
                type: "TEXT",
                maxLength: 128,
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "ix_runs_started_at",
                table: "runs",
                column: "started_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_runs_started_at",
                table: "runs");

            migrationBuilder.DropColumn(
                name: "process_space",
                table: "instances");
        }
    }
}
