import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { parseSwaps, readSwapAreas, type SwapArea, swapProblem } from "../../../../src/vm/overlay/swap.ts";
import { scratchFolders } from "../../scratch.ts";

/** Half a character as well: fast-check's own such unit takes seconds to begin. */
const ANY_UNIT = fc.nat(0xff_ff).map((code) => String.fromCharCode(code));

const scratch = scratchFolders();
const TITLE = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const lineOf = (path: string) => `${path}                               partition\t102396\t\t0\t\t-2\n`;

function machine(paths: readonly string[], sysFiles: Record<string, string> = {}): SwapArea[] {
  const root = scratch();
  const files = { "proc/swaps": TITLE + paths.map(lineOf).join(""), ...sysFiles };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readSwapAreas(join(root, "proc"), join(root, "sys"));
}
const kinds = (...of: Parameters<typeof machine>) => machine(...of).map(({ kind }) => kind);

describe("what memory may be swapped to", () => {
  test("is nothing where no swap is on", () => {
    expect(machine([])).toEqual([]);
  });

  test("is read with the path as it is", () => {
    expect(parseSwaps(TITLE + lineOf("/var/a\\040swap") + lineOf("/dev/sda2"))).toEqual([
      "/var/a swap",
      "/dev/sda2",
    ]);
  });

  test("is plain for a partition and for a file, whatever the file is called", () => {
    expect(kinds(["/dev/sda2", "/var/swap", "/tmp/zram0", "/tmp/dm-0"])).toEqual(Array(4).fill("plain"));
  });

  test("is memory for zram, unless it writes back to a disk", () => {
    expect(kinds(["/dev/zram9"])).toEqual(["memory"]);
    expect(kinds(["/dev/zram9"], { "sys/block/zram9/backing_dev": "none\n" })).toEqual(["memory"]);
    expect(kinds(["/dev/zram9"], { "sys/block/zram9/backing_dev": "/dev/sda3\n" })).toEqual(["plain"]);
  });

  test("is encrypted for a device of dm-crypt, and for what lies on such devices alone", () => {
    const crypt = { "sys/block/dm-90/dm/uuid": "CRYPT-PLAIN-swap\n" };
    const volume = { "sys/block/dm-91/dm/uuid": "LVM-abc\n", "sys/block/dm-91/slaves/dm-90/x": "" };
    expect(kinds(["/dev/dm-90", "/dev/dm-91"], { ...crypt, ...volume })).toEqual(["encrypted", "encrypted"]);
    const mixed = { ...volume, "sys/block/dm-91/slaves/sda3/x": "" };
    expect(kinds(["/dev/dm-91"], { ...crypt, ...mixed })).toEqual(["plain"]);
    expect(kinds(["/dev/dm-91"], volume)).toEqual(["plain"]);
    expect(kinds(["/dev/dm-92"])).toEqual(["plain"]);
  });

  test("of this machine can be read", () => {
    expect(Array.isArray(readSwapAreas())).toBe(true);
  });

  test("of any text is a list of paths", () => {
    fc.assert(
      fc.property(fc.string({ unit: ANY_UNIT }), (text) => {
        const paths = parseSwaps(TITLE + text);
        expect(paths.length).toBeLessThanOrEqual(64);
        expect(paths.every((path) => path !== "")).toBe(true);
      }),
    );
  });
});

describe("whether a lease may be taken", () => {
  const memory: SwapArea = { path: "/dev/zram0", kind: "memory" };
  const encrypted: SwapArea = { path: "/dev/dm-0", kind: "encrypted" };
  const plain: SwapArea = { path: "/dev/sda2", kind: "plain" };

  test("it may while nothing of it can reach a medium", () => {
    expect(swapProblem([], "refuse")).toBeUndefined();
    expect(swapProblem([memory], "refuse")).toBeUndefined();
  });

  test("it may with encrypted swap where policy says so", () => {
    expect(swapProblem([memory, encrypted], "encrypted")).toBeUndefined();
    expect(swapProblem([memory, encrypted], "refuse")).toBe(
      "swap is on: /dev/dm-0 (encrypted); swapoff it, or allow encrypted swap",
    );
  });

  test("it never may with plain swap, which is named", () => {
    expect(swapProblem([encrypted, plain], "encrypted")).toBe(
      "swap is on and not encrypted: /dev/sda2 (plain)",
    );
    expect(swapProblem([plain], "refuse")).toContain("/dev/sda2 (plain)");
  });
});
