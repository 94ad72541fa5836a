#!/usr/bin/env bun
/**
 * Renders the cases by Debian's `openscad`: every part of every set of parameters as STL into `build/`, and with
 * `--pictures` (which needs `xvfb-run`) a picture of each set into `pictures/`: `bun hardware/lora-case/render.ts`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const FOLDER = join(import.meta.dir, "case");
const BUILD = join(import.meta.dir, "build");
const PICTURES = join(import.meta.dir, "pictures");

/** The printed parts of each case. */
export const CASES = {
  "box-case": { parts: ["body", "lid"], camera: "50,-28,4,46,0,20,430" },
  "phone-case": { parts: ["tray", "pocket"], camera: "142,76,0,32,0,8,560" },
} as const;

export type CaseName = keyof typeof CASES;

/** OpenSCAD's customizer keeps every value as a string. */
const setsSchema = z.object({ parameterSets: z.record(z.string(), z.record(z.string(), z.string())) });

/** The sets of parameters of a case, by name. */
export function parameterSets(name: CaseName): Record<string, Record<string, string>> {
  return setsSchema.parse(JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"))).parameterSets;
}

/** OpenSCAD gave no model: the message has its own words. */
export class RenderError extends Error {
  override readonly name = "RenderError";
}

export interface Render {
  case: CaseName;
  set: string;
  part: string;
  /** Where to: the ending says what, `.stl`, `.png` or `.echo`. */
  to: string;
  /** Instead of the set's. */
  overrides?: Readonly<Record<string, number>>;
}

/** What OpenSCAD said: its echoes by name, and all of it. */
export interface Rendered {
  echoes: Readonly<Record<string, readonly number[]>>;
  log: string;
}

function echoesIn(log: string): Record<string, number[]> {
  const echoes: Record<string, number[]> = {};
  for (const line of log.split("\n").filter((text) => text.startsWith("ECHO:"))) {
    for (const [, name, value] of line.matchAll(/(\w+) = \[?([-\d., e]+)\]?/g)) {
      if (name !== undefined && value !== undefined)
        echoes[name] = value.split(", ").filter(Boolean).map(Number);
    }
  }
  return echoes;
}

/** @throws {RenderError} */
export async function render(what: Render, how: { picture?: string } = {}): Promise<Rendered> {
  const set = parameterSets(what.case)[what.set];
  if (set === undefined) throw new RenderError(`${what.case} has no set ${what.set}`);
  let sets = join(FOLDER, `${what.case}.json`);
  if (what.overrides !== undefined) {
    // A set's values win over `-D`: the changed ones go into a set of their own.
    sets = `${what.to}.json`;
    const changed = Object.entries(what.overrides).map(([name, value]) => [name, String(value)]);
    const parameters = { ...set, ...Object.fromEntries(changed) };
    writeFileSync(
      sets,
      JSON.stringify({ parameterSets: { [what.set]: parameters }, fileFormatVersion: "1" }),
    );
  }
  const child = Bun.spawn(
    [
      ...(how.picture === undefined ? [] : ["xvfb-run", "-a"]),
      "openscad",
      ...["-o", what.to, "-p", sets, "-P", what.set],
      ...["-D", `part="${what.part}"`],
      ...(how.picture === undefined
        ? []
        : [`--camera=${how.picture}`, "--imgsize=960,560", "--colorscheme=Tomorrow"]),
      join(FOLDER, `${what.case}.scad`),
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  const log = await new Response(child.stderr).text();
  const status = await child.exited;
  if (status !== 0) throw new RenderError(`${what.case}, ${what.set}, ${what.part}: ${log}`);
  return { echoes: echoesIn(log), log };
}

if (import.meta.main) {
  const isPictures = process.argv.includes("--pictures");
  mkdirSync(BUILD, { recursive: true });
  mkdirSync(PICTURES, { recursive: true });
  for (const name of ["box-case", "phone-case"] as const) {
    for (const set of Object.keys(parameterSets(name))) {
      for (const part of CASES[name].parts) {
        await render({ case: name, set, part, to: join(BUILD, `${name}-${set}-${part}.stl`) });
      }
      if (isPictures) {
        const to = join(PICTURES, `${name}-${set}.png`);
        await render({ case: name, set, part: "assembly", to }, { picture: CASES[name].camera });
      }
      console.log(`${name}: ${set}`);
    }
  }
}
