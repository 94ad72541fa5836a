import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { unescapedPath } from "../host-first/controller-places.ts";

/** Where pages of memory may go, and with them what a lease has in memory. */
export interface SwapArea {
  path: string;
  /** `memory`: compressed, and never on a medium; `encrypted`: by dm-crypt, all that lies beneath. */
  kind: "memory" | "encrypted" | "plain";
}

/** `refuse`: no lease while pages may go to a medium at all; `encrypted`: none while they may go there readable. */
export type SwapPolicy = "refuse" | "encrypted";

const MAX_AREAS = 64;
/** Deeper than this nobody stacks devices. */
const MAX_DEPTH = 8;

/** Paths in /proc/swaps (proc_swaps(5)), its first line is a title. */
export function parseSwaps(text: string): string[] {
  return text
    .split("\n", MAX_AREAS + 1)
    .slice(1)
    .flatMap((line) => {
      const [path] = line.split(/\s+/);
      return path ? [unescapedPath(path)] : [];
    });
}

/** What is on now. */
export function readSwapAreas(proc = "/proc", sys = "/sys"): SwapArea[] {
  return parseSwaps(readFileSync(join(proc, "swaps"), "utf8")).map((path) => ({
    path,
    kind: kindOf(path, sys),
  }));
}

/** A file's pages go to whatever its file system lies on, which is not looked into: it counts as plain. */
function kindOf(path: string, sys: string): SwapArea["kind"] {
  const device = basename(realPath(path));
  if (!path.startsWith("/dev/")) return "plain";
  if (/^zram\d+$/.test(device)) {
    // It may write what it holds back to a disk (zram.rst, "writeback").
    const backing = text(join(sys, "block", device, "backing_dev"));
    return backing === undefined || backing === "none" ? "memory" : "plain";
  }
  return isEncrypted(device, sys, 0) ? "encrypted" : "plain";
}

/** cryptsetup's devices, and what lies on nothing else, as a volume of LVM. */
function isEncrypted(device: string, sys: string, depth: number): boolean {
  if (depth > MAX_DEPTH || !/^dm-\d+$/.test(device)) return false;
  const folder = join(sys, "block", device);
  if (text(join(folder, "dm/uuid"))?.startsWith("CRYPT-")) return true;
  const beneath = entries(join(folder, "slaves"));
  return beneath.length > 0 && beneath.every((name) => isEncrypted(name, sys, depth + 1));
}

/**
 * Why no lease may be taken: what it has in memory, its disk or its own memory, could be read on a medium after its end.
 * @returns undefined when it cannot
 */
export function swapProblem(areas: readonly SwapArea[], policy: SwapPolicy): string | undefined {
  const bad = areas.filter(({ kind }) => kind === "plain" || (kind === "encrypted" && policy === "refuse"));
  if (bad.length === 0) return undefined;
  const named = bad.map(({ path, kind }) => `${path} (${kind})`).join(", ");
  return policy === "refuse"
    ? `swap is on: ${named}; swapoff it, or allow encrypted swap`
    : `swap is on and not encrypted: ${named}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
