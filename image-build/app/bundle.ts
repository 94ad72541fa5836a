import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { BunPlugin } from "bun";
import { buildAppScript } from "../../src/portal/app-script.ts";
import { workScript } from "../../src/portal/work-script.ts";

/** One file of the installed program, by its path in the project. */
export interface AppFile {
  path: string;
  contents: Uint8Array<ArrayBuffer>;
}

export interface BundledApp {
  files: AppFile[];
  /** Where the npm packages lie that are in it, such as `node_modules/hono`. */
  packages: string[];
}

export class BundleError extends Error {
  override readonly name = "BundleError";
}

/** How our own code names a file beside itself; anything else would be missed. */
const REFERENCES = [
  /new URL\(\s*"([^"]+)",\s*import\.meta\.url\s*\)/g,
  /(?:join|resolve)\(\s*import\.meta\.dir,\s*"([^"]+)"\s*\)/g,
];

/** The scripts that pages get. The box builds them from what lies there; what lies there in an image is built already. */
const PAGE_SCRIPTS: Record<string, () => Promise<Uint8Array<ArrayBuffer>>> = {
  "portal/app/main.ts": async () => (await buildAppScript("app")).text,
  "portal/demo/main.ts": async () => (await buildAppScript("demo")).text,
  "portal/app/form-work.ts": workScript,
};

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The program without what only runs on a bench. */
export const ENTRY = "src/cli/main.ts";

/** @returns the paths in the project that the text of the file at `path` names as beside itself */
export function namedBeside(path: string, text: string): string[] {
  return REFERENCES.flatMap((reference) =>
    [...text.matchAll(reference)].map(([, name = ""]) => join(dirname(path), name)),
  );
}

/**
 * The text of a module that has been put into the file `entry`: what it finds beside itself it still finds, because each
 * entry lies where its source lay.
 */
export function asBeside(entry: string, path: string, text: string): string {
  const folder = relative(dirname(entry), dirname(path));
  return text
    .replaceAll("import.meta.dir", `(import.meta.dir + ${JSON.stringify(`/${folder}`)})`)
    .replaceAll(
      "import.meta.url",
      `new URL(${JSON.stringify(relative(dirname(entry), path))}, import.meta.url).href`,
    );
}

/**
 * The whole program in few files: each that is started by itself (the command line, threads) where its source lies, with
 * all that it imports in it, so that every path in the code stays true. What it imports only when needed is in files
 * beside it, so that no command loads another's part. A Pi reads a few files much faster than two thousand; an image has those
 * of the command line in one executable (executable.ts).
 * @param project the project's folder
 * @throws {BundleError} when something is named that is not there
 */
export async function bundleApp(project: string): Promise<BundledApp> {
  const files = new Map<string, AppFile>();
  const packages = new Set<string>();
  const waiting = [ENTRY];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path)) continue;
    const full = join(project, path);
    if (!existsSync(full)) throw new BundleError(`${path} is named by the program, and is not there`);
    const script = PAGE_SCRIPTS[path];
    if (script) {
      files.set(path, { path, contents: await script() });
      // What is in it is in the same packages; built once more only to know of which.
      await bundled(project, path, packages);
    } else if (statSync(full).isDirectory()) {
      const scripts = Object.keys(PAGE_SCRIPTS).filter((script) => script.startsWith(`${path}/`));
      const inside = [...new Bun.Glob("**/*").scanSync({ cwd: full })].map((name) => join(path, name));
      // Of the pages' folder only the scripts: the rest of it is in the program.
      waiting.push(...(scripts.length > 0 ? scripts : inside.sort()));
    } else if (path.endsWith(".ts")) {
      const { made, beside } = await bundled(project, path, packages);
      for (const file of made) {
        const other = files.get(file.path);
        if (other !== undefined && !Buffer.from(other.contents).equals(file.contents))
          throw new BundleError(`${file.path} has become two files`);
        files.set(file.path, file);
      }
      waiting.push(...beside);
    } else {
      files.set(path, { path, contents: await Bun.file(full).bytes() });
    }
  }
  return {
    files: [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    packages: [...packages].sort(),
  };
}

/** @returns the files of one entry, and what they name as beside themselves; what lies in node_modules goes to `packages` */
async function bundled(
  project: string,
  entry: string,
  packages: Set<string>,
): Promise<{ made: AppFile[]; beside: string[] }> {
  const beside = new Set<string>();
  const own: BunPlugin = {
    name: "what is beside a module stays beside it",
    setup(build) {
      // Left to Bun, and only noted.
      build.onLoad({ filter: /node_modules\/.*\.(js|mjs|cjs|json)$/ }, ({ path }) => {
        const folder = PACKAGE.exec(relative(project, path))?.[1];
        if (folder) packages.add(folder);
        return undefined;
      });
      build.onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
        const inProject = relative(project, path);
        const text = await Bun.file(path).text();
        const loader = path.endsWith("x") ? "tsx" : "ts";
        if (inProject.startsWith("node_modules/") || !text.includes("import.meta."))
          return { contents: text, loader };
        for (const name of namedBeside(inProject, text)) beside.add(name);
        return { contents: asBeside(entry, inProject, text), loader };
      });
    },
  };
  const { outputs } = await Bun.build({
    entrypoints: [resolve(project, entry)],
    root: project,
    target: "bun",
    splitting: true,
    // Named as they are kept, for they import each other. Beside the entry: there paths are what asBeside() has made of them.
    naming: { entry: "[dir]/[name].ts", chunk: `${dirname(entry)}/[name]-[hash].[ext]` },
    minify: { whitespace: true, syntax: true },
    // A package that asks where it lies would be told where it lay when the image was built. What it looks for there is not there.
    define: { __dirname: '"/"', __filename: '"/"' },
    plugins: [own],
  }).catch((error: unknown) => {
    const reasons = error instanceof AggregateError ? error.errors : [error];
    throw new BundleError(`${entry}: ${reasons.map(String).join("; ")}`);
  });
  const strange = outputs.find(({ kind }) => kind !== "entry-point" && kind !== "chunk");
  if (strange) throw new BundleError(`${entry} has become ${strange.path} too, which is no program`);
  const made = await Promise.all(
    outputs.map(async (output) => ({
      path: join(dirname(entry), basename(output.path)),
      contents: new Uint8Array(await output.arrayBuffer()),
    })),
  );
  if (!made.some(({ path }) => path === entry)) throw new BundleError(`${entry} became nothing`);
  return { made, beside: [...beside] };
}
