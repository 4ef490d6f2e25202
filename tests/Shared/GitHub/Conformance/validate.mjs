// Reads an exchange a line, answers with a line: what does not fit GitHub's published descriptions.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { buildSchema, execute, isObjectType, parse, validate } from "graphql";

const description = JSON.parse(readFileSync("description.json", "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, validateSchema: false, addUsedSchema: false, logger: false });
addFormats(ajv);
ajv.addFormat("uri", (text) => URL.canParse(text));
ajv.addSchema({ $id: "github:", ...description });

// Answers any operation may give, whether its description lists them or not.
const everywhere = new Set([301, 304, 307, 400, 401, 403, 404, 405, 409, 410, 422, 429, 500, 502, 503, 504]);
const compiled = new Map();
const operations = Object.entries(description.paths).flatMap(([template, item]) =>
  Object.entries(item)
    .filter(([method]) => ["get", "put", "post", "delete", "patch"].includes(method))
    .map(([method, operation]) => ({
      method: method.toUpperCase(),
      template,
      operation,
      pointer: `/paths/${escape(template)}/${method}`,
      // The last of these may hold slashes: a branch, a reference.
      pattern: new RegExp(`^${template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name) => (/^(ref|branch|path)$/.test(name) ? "(?:.+)" : "(?:[^/]+)"))}$`),
      fixed: template.replace(/\{\w+\}/g, "").length,
    })),
);
const someone = {
  login: "ghost", id: 1, node_id: "U_1", gravatar_id: "", type: "User", site_admin: false,
  ...Object.fromEntries(["avatar", "html", "followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events", "received_events"].map((n) => [`${n}_url`, "https://github.com/ghost"])),
  url: "https://github.com/ghost",
};
let graphql;

function escape(text) {
  return encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"));
}

// Follows references and says where they end.
function resolve(node, pointer) {
  while (node?.$ref) {
    pointer = node.$ref.slice(1);
    node = pointer.split("/").slice(1).reduce((at, key) => at[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], description);
  }
  return [node, pointer];
}

function check(pointer, value, where) {
  if (!compiled.has(pointer)) {
    compiled.set(pointer, ajv.compile({ $ref: `github:#${pointer}` }));
  }
  const fits = compiled.get(pointer);
  if (fits(value)) {
    return [];
  }
  return fits.errors.slice(0, 5).map((e) => `${where}${e.instancePath}: ${e.message} ${JSON.stringify(e.params)}`);
}

// The properties any branch of a schema knows; null where it takes any.
function known(schema, seen = new Set()) {
  [schema] = resolve(schema);
  if (!schema || seen.has(schema)) {
    return new Map();
  }
  seen.add(schema);
  const all = new Map(Object.entries(schema.properties ?? {}).map(([name, child]) => [name, [child]]));
  let open = !schema.properties && !schema.allOf && !schema.anyOf && !schema.oneOf && (!schema.type || schema.type === "object");
  open ||= typeof schema.additionalProperties === "object" || schema.additionalProperties === true;
  for (const branch of [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    const more = known(branch, seen);
    if (more === null) {
      open = true;
    } else {
      for (const [name, children] of more) {
        all.set(name, [...(all.get(name) ?? []), ...children]);
      }
    }
  }
  seen.delete(schema);
  return open ? null : all;
}

// A description leaves objects open, so that a property nobody described would pass: that is fiction too.
function unknown(schemas, value, where) {
  schemas = schemas.map((s) => resolve(s)[0]).filter(Boolean);
  if (value === null || typeof value !== "object" || schemas.length === 0) {
    return [];
  }
  if (Array.isArray(value)) {
    const items = schemas.flatMap(function items(s) {
      [s] = resolve(s);
      return [...(s.items ? [s.items] : []), ...[...(s.allOf ?? []), ...(s.anyOf ?? []), ...(s.oneOf ?? [])].flatMap(items)];
    });
    return value.slice(0, 50).flatMap((v, i) => unknown(items, v, `${where}/${i}`));
  }
  const maps = schemas.map((s) => known(s));
  if (maps.includes(null)) {
    return [];
  }
  return Object.entries(value).flatMap(([name, child]) => {
    const children = maps.flatMap((m) => m.get(name) ?? []);
    return children.length === 0 ? [`${where}/${name}: GitHub has no such property`] : unknown(children, child, `${where}/${name}`);
  });
}

function checkJson(content, pointer, text, where) {
  const type = Object.keys(content ?? {}).find((t) => /json/.test(t));
  if (!type) {
    return [];
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return [`${where}: is no JSON`];
  }
  const at = `${pointer}/content/${escape(type)}/schema`;
  return [...check(at, value, where), ...unknown([content[type].schema], value, where)];
}

// GitHub answers null for an actor whose account is gone; its description of events does not know that.
function withActors(text) {
  return JSON.stringify(JSON.parse(text).map((e) => (e.actor === null ? { ...e, actor: someone } : e)));
}

function rest({ Method, Path, Query, RequestBody, Status, ResponseBody }) {
  const found = operations.filter((o) => o.method === Method && o.pattern.test(Path)).sort((a, b) => b.fixed - a.fixed)[0];
  if (!found) {
    return [`${Method} ${Path}: GitHub has no such operation`];
  }
  const name = `${Method} ${found.template}`;
  const problems = [];
  const parameters = (found.operation.parameters ?? []).map((p) => resolve(p)[0]).filter((p) => p.in === "query");
  const query = new URLSearchParams(Query);
  for (const [key, value] of query) {
    const parameter = parameters.find((p) => p.name === key);
    if (!parameter) {
      problems.push(`${name}: no query parameter '${key}'`);
    } else {
      const [schema] = resolve(parameter.schema);
      const typed = schema?.type === "integer" || schema?.type === "number" ? Number(value) : schema?.type === "boolean" ? value === "true" : value;
      const fits = ajv.validate({ ...schema, $id: undefined }, typed);
      if (!fits && schema?.type !== "array") {
        problems.push(`${name}: query parameter '${key}=${value}' ${ajv.errorsText()}`);
      }
    }
  }
  for (const parameter of parameters.filter((p) => p.required && !query.has(p.name))) {
    problems.push(`${name}: query parameter '${parameter.name}' is missing`);
  }

  // A request GitHub refuses as malformed is the point of some tests.
  if (RequestBody && !(Status >= 400 && Status < 500)) {
    const [body, pointer] = resolve(found.operation.requestBody, `${found.pointer}/requestBody`);
    problems.push(...(body ? checkJson(body.content, pointer, RequestBody, `${name} request`) : [`${name}: takes no body`]));
  }

  if (Status !== null) {
    const listed = found.operation.responses[String(Status)];
    if (!listed) {
      if (!everywhere.has(Status)) {
        problems.push(`${name}: never answers ${Status}`);
      } else if (ResponseBody) {
        problems.push(...check("/components/schemas/basic-error", JSON.parse(ResponseBody), `${name} ${Status}`));
      }
    } else {
      if (/\/(events|timeline)$/.test(found.template) && Status === 200) {
        ResponseBody = withActors(ResponseBody);
      }
      const [response, pointer] = resolve(listed, `${found.pointer}/responses/${Status}`);
      if (response.content && Status !== 304) {
        problems.push(...checkJson(response.content, pointer, ResponseBody, `${name} ${Status}`));
      } else if (ResponseBody && Status !== 404) {
        problems.push(`${name} ${Status}: has no body`);
      }
    }
  }
  return problems;
}

// The query against the schema, and the answer by running the query over it: what is missing, null or of another type shows.
function graph({ RequestBody, Status, ResponseBody }) {
  if (Status !== 200) {
    return [];
  }
  graphql ??= buildSchema(readFileSync("node_modules/@octokit/graphql-schema/schema.graphql", "utf8"), { assumeValid: true });
  const { query, variables } = JSON.parse(RequestBody);
  const answer = JSON.parse(ResponseBody);
  let document;
  try {
    document = parse(query);
  } catch (e) {
    return answer.errors ? [] : [`POST /graphql: ${e.message}`];
  }
  const invalid = validate(graphql, document).map((e) => `POST /graphql: ${e.message}`);
  if (!answer.data) {
    return answer.errors ? [] : [...invalid, "POST /graphql: neither data nor errors"];
  }
  const failed = new Set((answer.errors ?? []).map((e) => JSON.stringify(e.path)));
  const result = execute({
    schema: graphql,
    document,
    rootValue: answer.data,
    variableValues: variables ?? {},
    fieldResolver: (source, _, __, info) => {
      if (!(info.path.key in source)) {
        throw new Error("is missing in the answer");
      }
      return source[info.path.key];
    },
    // Without __typename asked for, any type that has what was answered will do.
    typeResolver: (value, _, info, type) => value.__typename ?? graphql.getPossibleTypes(type).find((t) => isObjectType(t) && Object.keys(value).every((k) => t.getFields()[k]))?.name,
  });
  return [...invalid, ...(result.errors ?? []).filter((e) => !failed.has(JSON.stringify(e.path))).map((e) => `POST /graphql ${(e.path ?? []).join(".")}: ${e.message}`)];
}

for await (const line of createInterface({ input: process.stdin })) {
  let problems;
  try {
    const exchange = JSON.parse(line);
    problems = exchange.Path === "/graphql" ? graph(exchange) : rest(exchange);
  } catch (e) {
    problems = [`The check itself failed: ${e.stack}`];
  }
  process.stdout.write(JSON.stringify(problems) + "\n");
}
