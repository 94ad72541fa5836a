import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type AppFile, ENTRY } from "./bundle.ts";

/** The entry, and what it loads only when needed, which bundleApp() names so. No thread and no other program lies there. */
const IN_IT = /^src\/cli\/[^/]+\.(?:ts|js)$/;

export interface ExecutableOptions {
  /** Bun's own program, for the board's processor. */
  bun: string;
  architecture: "arm64" | "x64";
  /** Where the program lies in the image, without `/` before it. */
  appFolder: string;
  /** For what is needed meanwhile. */
  work: string;
}

export interface Executable {
  /** The executable's file. */
  file: string;
  /** What of the program is not in it, and is loaded from files beside it. */
  beside: AppFile[];
}

/**
 * Puts the command line and Bun into one executable, compiled ahead to what JavaScriptCore makes of it when it runs: so it
 * starts in a third of the time. Threads, and programs of a requester, stay files beside it.
 * @param app the program as bundleApp() makes it
 * @throws {AggregateError} of what cannot be compiled
 */
export async function makeExecutable(
  app: readonly AppFile[],
  { bun, architecture, appFolder, work }: ExecutableOptions,
): Promise<Executable> {
  const sources = join(work, "program");
  rmSync(sources, { recursive: true, force: true });
  // There it looks for what lies beside it, wherever it was put together.
  const [folder, url] = [`/${appFolder}/${dirname(ENTRY)}`, `file:///${appFolder}/${ENTRY}`];
  for (const { path, contents } of app.filter(({ path }) => IN_IT.test(path))) {
    const text = Buffer.from(contents)
      .toString("utf8")
      .replaceAll("import.meta.dir", JSON.stringify(folder))
      .replaceAll("import.meta.url", JSON.stringify(url));
    await Bun.write(join(sources, path), text);
  }
  const file = join(work, "omerta-box");
  rmSync(file, { force: true });
  await Bun.build({
    entrypoints: [join(sources, ENTRY)],
    root: sources,
    format: "esm",
    bytecode: true,
    // JavaScriptCore keeps what it made of a text together with the text.
    minify: { whitespace: true, syntax: true },
    compile: {
      target: `bun-linux-${architecture}`,
      executablePath: bun,
      outfile: file,
      // What lies in the folder that it is started in is none of its business, but for packages with parts in C.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadPackageJson: true,
    },
  });
  return { file, beside: app.filter(({ path }) => !IN_IT.test(path)) };
}
