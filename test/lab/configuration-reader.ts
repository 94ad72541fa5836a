import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Verdict {
  /** How many files were read before one was refused. */
  taken: number;
  /** What the program said, line by line, up to its refusal and with it. */
  said: string[];
}

/** A program that reads configuration files one after the other and ends at the first that it refuses. */
export interface ConfigurationReader {
  /** The arguments with which it reads all of these. */
  command(paths: readonly string[]): string[];
  /** How it says that it refuses a file; the path is caught. */
  refusal: RegExp;
}

export const HOSTAPD: ConfigurationReader = {
  // It reads all files before it touches a radio.
  command: (paths) => ["hostapd", ...paths],
  refusal: /^\d+ errors found in configuration file '(.*)'$/,
};

export const WPA_SUPPLICANT: ConfigurationReader = {
  // Its driver "none" has no radio, yet wants an interface that is there. -ddK: it shows what it has read, keys too.
  command: (paths) => [
    "wpa_supplicant",
    "-ddK",
    ...paths.flatMap((path, index) => [...(index > 0 ? ["-N"] : []), "-Dnone", "-ilo", `-c${path}`]),
  ],
  refusal: /^Failed to read or parse configuration '(.*)'\.$/,
};

/** Has a real program read files until it refuses one; the last of them must be one that it refuses. */
export async function readFiles(reader: ConfigurationReader, files: readonly string[]): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "omerta-conf-"));
  try {
    const paths = files.map((text, index) => {
      const path = join(folder, `${index}.conf`);
      writeFileSync(path, text);
      return path;
    });
    const child = Bun.spawn(reader.command(paths), {
      stdin: "ignore",
      stderr: "inherit",
      env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
      // It ends by itself; if it does not, no file was refused.
      timeout: 60_000,
    });
    const output = (await new Response(child.stdout).text()).split("\n");
    await child.exited;
    const end = output.findIndex((line) => reader.refusal.test(line));
    const path = reader.refusal.exec(output[end] ?? "")?.[1];
    return { taken: path === undefined ? files.length : paths.indexOf(path), said: output.slice(0, end + 1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
