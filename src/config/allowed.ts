/** The part of JSON Schema that zod writes for the configuration. */
export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  /** Of a key without a default: what an example shows. */
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  /** What a text must look like, in words. */
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

/** What is allowed at a path of the configuration, in words. */
export function allowedAt(schema: JsonSchema, path: readonly (string | number)[]): string {
  return allowed(nodeAt(schema, path));
}

/** What a key's own description says, for rules that a schema cannot put otherwise. */
export function describedAt(schema: JsonSchema, path: readonly (string | number)[]): string {
  const node = nodeAt(schema, path);
  return node.description ?? allowed(node);
}

/** The keys that a table at a path may have. */
export function knownKeysAt(schema: JsonSchema, path: readonly (string | number)[]): string[] {
  return Object.keys(nodeAt(schema, path).properties ?? {});
}

function nodeAt(schema: JsonSchema, path: readonly (string | number)[]): JsonSchema {
  let node = schema;
  for (const part of path) {
    node = (typeof part === "number" ? node.items : node.properties?.[part]) ?? {};
  }
  return node;
}

/** What one schema node allows, in words: `a whole number from 2 to 1440`. */
export function allowed(node: JsonSchema): string {
  if (node.anyOf) return node.anyOf.map(allowed).join(", or ");
  if (node.enum) return `one of ${node.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if (node.const !== undefined) return JSON.stringify(node.const);
  switch (node.type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `a whole number from ${node.minimum ?? "-∞"} to ${node.maximum ?? "∞"}`;
    case "array":
      return `a list of at most ${node.maxItems ?? "any number of"} entries, each ${allowed(node.items ?? {})}`;
    case "object":
      return `a table with ${Object.keys(node.properties ?? {}).join(", ")}`;
    default:
      return text(node);
  }
}

function text(node: JsonSchema): string {
  if (node.format !== undefined) return node.format;
  // A string with a pattern says in its description what it wants; a free one has only its length.
  if (node.pattern !== undefined || node.maxLength === undefined) return node.description ?? "text";
  return node.minLength
    ? `text of ${node.minLength} to ${node.maxLength} characters`
    : `text of at most ${node.maxLength} characters`;
}
