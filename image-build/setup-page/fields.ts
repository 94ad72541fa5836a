import type { SetupField } from "../../portal/setup/toml-text.ts";
import type { JsonSchema } from "../../src/config/allowed.ts";
import { configJsonSchema } from "../../src/config/json-schema.ts";

/** The keys that the page asks for, in its order; `[]` stands for the only entry of a list. */
export const SETUP_KEYS = [
  "box.name",
  "box.operator",
  "box.contact",
  "wifi.country",
  "portal.welcome",
  "wifi.uplinks[].ssid",
  "wifi.uplinks[].password",
  "gateway.uplink.allow",
  "lora.region",
  "mesh.invites[]",
] as const;

export type SetupKey = (typeof SETUP_KEYS)[number];

/** A network's name counts in bytes, which a schema of JSON cannot say (src/config/wifi-schema.ts, `ssid`). */
const MAX_BYTES: Partial<Record<SetupKey, number>> = { "wifi.uplinks[].ssid": 32 };

const schema = configJsonSchema();

/** @throws {Error} when the configuration has no such key any more */
export const setupFields = (): (SetupField & { choices: string[] })[] =>
  SETUP_KEYS.map((key) => {
    const node = nodeOf(key);
    const isSwitch = node.type === "boolean";
    return {
      key,
      initial: isSwitch ? node.default === true : "",
      maxLength: node.maxLength ?? 0,
      maxBytes: MAX_BYTES[key] ?? 0,
      pattern: node.pattern ?? "",
      choices: (node.enum ?? []).map(String),
    };
  });

function nodeOf(key: SetupKey): JsonSchema {
  let node: JsonSchema | undefined = schema;
  for (const part of key.split(".")) {
    node = node?.properties?.[part.replace("[]", "")];
    if (part.endsWith("[]")) node = node?.items;
  }
  if (node === undefined) throw new Error(`the configuration has no key ${key}`);
  return node;
}
