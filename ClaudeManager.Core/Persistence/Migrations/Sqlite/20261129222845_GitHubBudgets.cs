using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class GitHubBudgets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "limit",
                table: "github_limits",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "remaining",
                table: "github_limits",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "resets_at",
                table: "github_limits",
                type: "INTEGER",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "limit",
                table: "github_limits");

            migrationBuilder.DropColumn(
                name: "remaining",
                table: "github_limits");

            migrationBuilder.DropColumn(
                name: "resets_at",
                table: "github_limits");
        }
    }
}
