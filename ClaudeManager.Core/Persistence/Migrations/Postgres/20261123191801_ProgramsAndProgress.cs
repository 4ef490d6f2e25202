using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Postgres
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
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "running_scans",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    repository_id = table.Column<long>(type: "bigint", nullable: false),
                    files = table.Column<int>(type: "integer", nullable: false),
                    total_files = table.Column<int>(type: "integer", nullable: true),
                    findings = table.Column<int>(type: "integer", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    heartbeat_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
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
