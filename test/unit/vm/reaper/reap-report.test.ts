import { describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Belonging } from "../../../../src/vm/reaper/belongings.ts";
import { parseMountTable } from "../../../../src/vm/reaper/mount-table.ts";
import { addToReport, parseReport, readReport, removeReport } from "../../../../src/vm/reaper/reap-report.ts";
import { orderOf, type ReaperOrder, reaperArguments } from "../../../../src/vm/reaper/reaper-order.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const { log } = capturedLog();
const process: Belonging = {
  kind: "process",
  lease: "0123456789",
  name: "qemu-system-x86_64",
  pid: 7,
  startTicks: "99",
};
const file: Belonging = { kind: "file", lease: "0123456789", name: "/run/box/omvm-0123456789.sock" };

describe("the reaper's report", () => {
  test("has all that was ended, until it is removed", () => {
    const folder = scratch();
    expect(readReport(folder)).toEqual([]);
    addToReport(folder, [process], log);
    addToReport(folder, [file], log);
    expect(readReport(folder)).toEqual([process, file]);
    removeReport(folder);
    removeReport(folder);
    expect(readReport(folder)).toEqual([]);
  });

  test("that cannot be written holds nothing up", () => {
    addToReport("/nonexistent", [process], log);
    expect(readReport("/nonexistent")).toEqual([]);
  });

  test("of a reaper that was killed while it wrote lacks only what it was writing", () => {
    const folder = scratch();
    addToReport(folder, [process], log);
    appendFileSync(join(folder, "vm-reaped.jsonl"), JSON.stringify({ ended: [file] }).slice(0, -4));
    expect(readReport(folder)).toEqual([process]);
  });

  test("is read to its first MiB", () => {
    const folder = scratch();
    const line = `${JSON.stringify({ ended: [file] })}\n`;
    writeFileSync(join(folder, "vm-reaped.jsonl"), line.repeat(Math.ceil((3 * 1_048_576) / line.length)));
    expect(readReport(folder)).toHaveLength(Math.floor(1_048_576 / line.length));
  });

  test("may be anything", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseReport(text)));
    fc.assert(
      fc.property(fc.json(), (text) => {
        for (const { lease } of parseReport(text)) expect(lease).toMatch(/^[0-9a-f]{10}$/);
      }),
    );
  });
});

describe("a reaper's order", () => {
  const order: ReaperOrder = {
    runFolder: "/run/omerta-box",
    grounds: { folders: ["/run/omerta-box"], pidFolders: [], cgroupParents: ["machine"], hasVolumes: true },
    libvirtUri: "qemu:///system",
    graceMs: 0,
  };

  test("is read from its command line, whatever runs it", () => {
    expect(orderOf(["/usr/bin/bun", "main.ts", ...reaperArguments(order)])).toEqual(order);
    expect(orderOf([...reaperArguments(order), "more"])).toBeUndefined();
    expect(orderOf(["vm-reaper", "--order", JSON.stringify({ ...order, graceMs: -1 })])).toBeUndefined();
    expect(orderOf(["grep", "vm-reaper"])).toBeUndefined();
  });

  test("is none on any other", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.json(), fc.constantFrom("vm-reaper", "--order"))),
        (argv) => {
          expect(orderOf(argv)).toBeUndefined();
        },
      ),
    );
  });
});

describe("the table of what is mounted", () => {
  test("is read with the kernel's escapes, and with or without optional fields", () => {
    const text = [
      "36 35 98:0 /mnt1 /mnt/with\\040blank rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
      "37 35 0:4 net:[4026532000] /run/netns/omvm-0123456789 rw shared:2 - nsfs nsfs rw",
      "38 35 0:5 / /plain rw - tmpfs tmpfs rw",
      "",
    ].join("\n");
    expect(parseMountTable(text)).toEqual([
      { path: "/mnt/with blank", type: "ext3" },
      { path: "/run/netns/omvm-0123456789", type: "nsfs" },
      { path: "/plain", type: "tmpfs" },
    ]);
    fc.assert(fc.property(fc.string(), (any) => void parseMountTable(any)));
  });
});
