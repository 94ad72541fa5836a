import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Board } from "../board.ts";

/** What an image has from Debian. */
export interface PackageList {
  /** Installed, with what they depend on. */
  installed: string[];
  /** Only unpacked, and taken from what is needed: a kernel, firmware, a boot loader. */
  unpacked: string[];
}

const manifest = z.object({
  omertaBox: z.object({ debianPackages: z.object({ device: z.array(z.string()) }) }),
});

/** @param project the project's folder */
export function packageList(project: string, board: Board): PackageList {
  const { omertaBox } = manifest.parse(JSON.parse(readFileSync(join(project, "package.json"), "utf8")));
  const list = (name: string) => namesIn(readFileSync(join(import.meta.dir, "../packages", name), "utf8"));
  return {
    installed: unique([...omertaBox.debianPackages.device, ...list("all.txt"), ...list(`${board.name}.txt`)]),
    unpacked: unique([
      board.kernelPackage,
      ...list("all-unpacked.txt"),
      ...list(`${board.name}-unpacked.txt`),
    ]),
  };
}

/** One name a line; `#` begins a comment. */
export function namesIn(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();
