import { readFileSync, writeFileSync } from "node:fs";

/** From the loosest limit to the tightest. */
const LIMITS = [3, 2, 1].map((limit) => ({
  path: `/proc/sys/net/ipv4/neigh/default/gc_thresh${limit}`,
  wanted: 4_096 * limit,
}));

/** What was raised: the machine's own value by path. */
const raised = new Map<string, string>();
let holders = 0;

/**
 * The kernel counts the neighbours of all network namespaces together against three limits of the whole machine, 128, 512
 * and 1024 by default; above the second it forgets neighbours in use, above the third phones cannot send. They are raised,
 * never lowered. Source: arp(7), gc_thresh1 to gc_thresh3.
 * @returns what gives the room back. When the last holder has, or when the process exits, the machine has its own limits
 * again; another process that took room meanwhile would lose it. `bun test` exits without a word: tests give back.
 */
export function makeRoomForNeighbours(): () => void {
  if (holders++ === 0) raise();
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--holders === 0) restore();
  };
}

function raise(): void {
  for (const { path, wanted } of LIMITS) {
    const own = readFileSync(path, "utf8").trim();
    if (Number(own) >= wanted) continue;
    raised.set(path, own);
    writeFileSync(path, String(wanted));
  }
  process.once("exit", restore);
}

function restore(): void {
  process.off("exit", restore);
  for (const [path, own] of raised) writeFileSync(path, own);
  raised.clear();
}
