import { resolve } from "node:path";

const ENTRY = resolve(import.meta.dir, "../../portal/app/form-work.ts");

/** Bun lowers no syntax, and would wrap it into an arrow: what is written is what old browsers get. */
async function buildWorkScript(): Promise<Uint8Array<ArrayBuffer>> {
  const { outputs } = await Bun.build({
    entrypoints: [ENTRY],
    target: "browser",
    format: "esm",
    minify: { whitespace: true },
  });
  const [output] = outputs;
  if (output === undefined) throw new Error("work script: was not built");
  return new TextEncoder().encode(`(function(){${await output.text()}})();`);
}

let building: Promise<Uint8Array<ArrayBuffer>> | undefined;

/** The script that does the work of a form; built when it is first asked for. @throws AggregateError of Bun's when a file is missing or wrong */
export function workScript(): Promise<Uint8Array<ArrayBuffer>> {
  building ??= buildWorkScript().catch((error: unknown) => {
    building = undefined;
    throw error;
  });
  return building;
}
