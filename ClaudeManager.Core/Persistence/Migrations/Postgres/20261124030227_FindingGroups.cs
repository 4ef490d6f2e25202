using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ClaudeManager.Core.Persistence.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class FindingGroups : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "work_item_id",
                table: "findings",
                type: "bigint",
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "ix_findings_work_item_id",
                table: "findings",
                column: "work_item_id");

            migrationBuilder.AddForeignKey(
                name: "fk_findings_work_items_work_item_id",
                table: "findings",
                column: "work_item_id",
                principalTable: "work_items",
                principalColumn: "id",
                onDelete: ReferentialAction.Restrict);

            // Until now every work item was of one finding.
            migrationBuilder.Sql("UPDATE findings SET work_item_id = (SELECT MAX(id) FROM work_items WHERE finding_id = findings.id)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "fk_findings_work_items_work_item_id",
                table: "findings");

            migrationBuilder.DropIndex(
                name: "ix_findings_work_item_id",
                table: "findings");

            migrationBuilder.DropColumn(
                name: "work_item_id",
                table: "findings");
        }
    }
}
