using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class GitHub : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "git_hub_id",
                table: "repositories",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "details",
                table: "findings",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "github_limits",
                columns: table => new
                {
                    credential = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    resource = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    blocked_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    strikes = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_github_limits", x => new { x.credential, x.resource });
                });

            migrationBuilder.CreateTable(
                name: "github_responses",
                columns: table => new
                {
                    key = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    credential = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    token = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    etag = table.Column<string>(type: "text", nullable: true),
                    last_modified = table.Column<string>(type: "text", nullable: true),
                    content_type = table.Column<string>(type: "text", nullable: false),
                    link = table.Column<string>(type: "text", nullable: true),
                    body = table.Column<byte[]>(type: "bytea", nullable: false),
                    used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_github_responses", x => x.key);
                });

            migrationBuilder.CreateTable(
                name: "github_writes",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    credential = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    creates_content = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_github_writes", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "outbox",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    kind = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    key = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    work_item_id = table.Column<long>(type: "bigint", nullable: true),
                    run_id = table.Column<long>(type: "bigint", nullable: true),
                    payload = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    error = table.Column<string>(type: "text", nullable: true),
                    attempt = table.Column<int>(type: "integer", nullable: false),
                    lease_owner = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    lease_expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    not_before = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    done_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_outbox", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "proposal_issues",
                columns: table => new
                {
                    work_item_id = table.Column<long>(type: "bigint", nullable: false),
                    repository = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    url = table.Column<string>(type: "text", nullable: false),
                    title_sha256 = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    body_sha256 = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    is_open = table.Column<bool>(type: "boolean", nullable: false),
                    written_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_event_id = table.Column<long>(type: "bigint", nullable: false),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_proposal_issues", x => x.work_item_id);
                    table.ForeignKey(
                        name: "fk_proposal_issues_work_items_work_item_id",
                        column: x => x.work_item_id,
                        principalTable: "work_items",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "pull_requests",
                columns: table => new
                {
                    run_id = table.Column<long>(type: "bigint", nullable: false),
                    work_item_id = table.Column<long>(type: "bigint", nullable: false),
                    repository = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    url = table.Column<string>(type: "text", nullable: false),
                    head_branch = table.Column<string>(type: "text", nullable: false),
                    head_commit = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    checks = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: true),
                    last_review_id = table.Column<long>(type: "bigint", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_pull_requests", x => x.run_id);
                    table.ForeignKey(
                        name: "fk_pull_requests_runs_run_id",
                        column: x => x.run_id,
                        principalTable: "runs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "ix_github_responses_used_at",
                table: "github_responses",
                column: "used_at");

            migrationBuilder.CreateIndex(
                name: "ix_github_writes_credential_at",
                table: "github_writes",
                columns: new[] { "credential", "at" });

            migrationBuilder.CreateIndex(
                name: "ix_outbox_key",
                table: "outbox",
                column: "key",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_outbox_state_not_before",
                table: "outbox",
                columns: new[] { "state", "not_before" });

            migrationBuilder.CreateIndex(
                name: "ix_outbox_work_item_id",
                table: "outbox",
                column: "work_item_id");

            migrationBuilder.CreateIndex(
                name: "ix_proposal_issues_repository_number",
                table: "proposal_issues",
                columns: new[] { "repository", "number" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_pull_requests_repository_number",
                table: "pull_requests",
                columns: new[] { "repository", "number" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_pull_requests_state",
                table: "pull_requests",
                column: "state");

            migrationBuilder.CreateIndex(
                name: "ix_pull_requests_work_item_id",
                table: "pull_requests",
                column: "work_item_id");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "github_limits");

            migrationBuilder.DropTable(
                name: "github_responses");

            migrationBuilder.DropTable(
                name: "github_writes");

            migrationBuilder.DropTable(
                name: "outbox");

            migrationBuilder.DropTable(
                name: "proposal_issues");

            migrationBuilder.DropTable(
                name: "pull_requests");

            migrationBuilder.DropColumn(
                name: "git_hub_id",
                table: "repositories");

            migrationBuilder.DropColumn(
                name: "details",
                table: "findings");
        }
    }
}
