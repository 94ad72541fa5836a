import { join, resolve } from "node:path";
import type { BunPlugin } from "bun";

const PORTAL = resolve(import.meta.dir, "../../portal");
/** The pages that are drawn by a script. */
const ENTRIES = { app: join(PORTAL, "app/main.ts"), demo: join(PORTAL, "demo/main.ts") };

/** The page's JavaScript. */
export interface AppScript {
  text: Uint8Array<ArrayBuffer>;
  gzipped: Uint8Array<ArrayBuffer>;
  /** Changes with every byte of it: part of its address, so that browsers may keep it. */
  version: string;
}

/**
 * Bun lowers no syntax. The libraries have one form that browsers of 2020 (Chrome 80) do not know, `to ||= …`: it is written
 * out. What else they lack is in `portal/app/older-browsers.ts`.
 */
const forOlderBrowsers: BunPlugin = {
  name: "for older browsers",
  setup(build) {
    build.onLoad({ filter: /node_modules\/@noble\/.*\.js$/ }, async ({ path }) => ({
      contents: (await Bun.file(path).text()).replace(/\bto \|\|= /g, "to = to || "),
      loader: "js",
    }));
  },
};

/** @throws AggregateError of Bun's when a file is missing or wrong */
export async function buildAppScript(of: keyof typeof ENTRIES = "app"): Promise<AppScript> {
  const { outputs } = await Bun.build({
    entrypoints: [ENTRIES[of]],
    target: "browser",
    format: "iife",
    minify: true,
    plugins: [forOlderBrowsers],
  });
  const [output] = outputs;
  if (output === undefined) throw new Error("app script: was not built");
  const text = new Uint8Array(await output.arrayBuffer());
  const version = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
  return { text, gzipped: Bun.gzipSync(text, { level: 9 }), version };
}

/** Builds the script when it is first asked for, which takes a second or two on a small board, and keeps it. */
export function builtOnce(build: () => Promise<AppScript> = buildAppScript): () => Promise<AppScript> {
  let building: Promise<AppScript> | undefined;
  return () => {
    building ??= build().catch((error: unknown) => {
      building = undefined;
      throw error;
    });
    return building;
  };
}

/** Compressed where the browser understands that; kept by it for good where it asked for this very version. */
export function scriptAnswer({ url, headers }: Request, { text, gzipped, version }: AppScript): Response {
  const isGzip = /\bgzip\b/.test(headers.get("accept-encoding") ?? "");
  const isThis = new URL(url).searchParams.get("v") === version;
  return new Response(isGzip ? gzipped : text, {
    headers: {
      "Content-Type": "text/javascript; charset=utf-8",
      "Cache-Control": isThis ? "max-age=31536000, immutable" : "no-store",
      "X-Content-Type-Options": "nosniff",
      Vary: "Accept-Encoding",
      ...(isGzip ? { "Content-Encoding": "gzip" } : {}),
    },
  });
}
