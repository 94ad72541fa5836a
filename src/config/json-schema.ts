import { z } from "zod";
import type { JsonSchema } from "./allowed.ts";
import { configSchema } from "./schema.ts";

let made: JsonSchema | undefined;

/**
 * What a configuration may say, as a JSON schema. Made when it is first asked for, not when the box starts: that takes as long as all
 * the rest of the configuration.
 */
export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema;
  return made;
}
