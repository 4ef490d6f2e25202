using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ProgramsAndProgress : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_repositories_location",
                table: "repositories");

            migrationBuilder.AddColumn<string>(
                name: "program",
                table: "approvals",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "running_scans",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    repository_id = table.Column<long>(type: "INTEGER", nullable: false),
                    files = table.Column<int>(type: "INTEGER", nullable: false),
                    total_files = table.Column<int>(type: "INTEGER", nullable: true),
                    findings = table.Column<int>(type: "INTEGER", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: false),
                    heartbeat_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_running_scans", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_repositories_kind_location",
                table: "repositories",
                columns: new[] { "kind", "location" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "running_scans");

            migrationBuilder.DropIndex(
                name: "ix_repositories_kind_location",
                table: "repositories");

            migrationBuilder.DropColumn(
                name: "program",
                table: "approvals");

            migrationBuilder.CreateIndex(
                name: "ix_repositories_location",
                table: "repositories",
                column: "location");
        }
    }
}
