// Makes of the packages what the validator reads: the REST description as plain JSON Schema, and nothing else of its 400 MB.
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const description = JSON.parse(readFileSync("node_modules/@octokit/openapi/generated/api.github.com.json", "utf8"));

// OpenAPI 3.0 says "nullable" where JSON Schema has a type; examples could be mistaken for schemas.
function plain(node) {
  if (Array.isArray(node)) {
    return node.map(plain);
  }
  if (node === null || typeof node !== "object") {
    return node;
  }
  const { nullable, example, examples, discriminator, xml, externalDocs, ...rest } = node;
  const copy = {};
  for (const [key, value] of Object.entries(rest)) {
    copy[key] = key === "enum" || key === "default" ? value : plain(value);
  }
  // A property of that name is a schema and no keyword.
  for (const [key, value] of Object.entries({ nullable, example, examples, discriminator, xml, externalDocs })) {
    if (value !== null && typeof value === "object" && !Array.isArray(value) && (value.type || value.$ref || value.properties || value.anyOf || value.oneOf || value.allOf)) {
      copy[key] = plain(value);
    }
  }
  return nullable === true ? { anyOf: [{ type: "null" }, copy] } : copy;
}

const { paths, components } = plain({ paths: description.paths, components: description.components });
writeFileSync("description.json", JSON.stringify({ paths, components }));
rmSync("node_modules/@octokit/openapi", { recursive: true });
