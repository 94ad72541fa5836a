import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DISK_SECTORS, PARTITIONS, SECTOR } from "../../../image-build/disk/layout.ts";
import { partitionTable } from "../../../image-build/disk/partition-table.ts";
import { writeImage } from "../../../image-build/disk/write-image.ts";
import { scratchFolders } from "../scratch.ts";

const scratchFolder = scratchFolders();

/** Reads a table as Linux does (block/partitions/msdos.c): what is inside of the fourth is a chain. */
function partitionsOf(
  sectors: ReadonlyMap<number, Uint8Array>,
): { number: number; start: number; size: number }[] {
  const rows = (at: number) => {
    const bytes = Buffer.from(sectors.get(at) ?? new Uint8Array(SECTOR));
    expect(bytes.readUInt16LE(510)).toBe(0xaa55);
    return [0, 1, 2, 3].map((row) => {
      const from = 446 + 16 * row;
      return {
        type: bytes[from + 4],
        start: bytes.readUInt32LE(from + 8),
        size: bytes.readUInt32LE(from + 12),
      };
    });
  };
  const found: { number: number; start: number; size: number }[] = [];
  let extended = 0;
  rows(0).forEach(({ type, start, size }, index) => {
    if (type === 0x0f) {
      extended = start;
      expect(start + size).toBe(DISK_SECTORS);
    } else if (size > 0) found.push({ number: index + 1, start, size });
  });
  for (let at: number | undefined = extended, number = 5; at !== undefined; number++) {
    const [own, next] = rows(at);
    if (own) found.push({ number, start: at + own.start, size: own.size });
    at = next && next.size > 0 ? extended + next.start : undefined;
  }
  return found;
}

test("the tables say of each partition where it is", () => {
  const sectors = new Map(partitionTable().map(({ at, bytes }) => [at, bytes]));
  expect(partitionsOf(sectors)).toEqual(
    PARTITIONS.map(({ number, start, sectors }) => ({ number, start, size: sectors })),
  );
});

test("no two partitions overlap, and all begin at whole MiB", () => {
  for (const [index, { start, sectors }] of PARTITIONS.entries()) {
    expect(start % 2048).toBe(0);
    expect(start + sectors).toBeLessThanOrEqual(PARTITIONS[index + 1]?.start ?? DISK_SECTORS);
  }
});

test("what a BIOS starts has its place before the disk's signature, and no more", () => {
  expect(() => partitionTable(new Uint8Array(441))).toThrow("do not fit");
  const [first] = partitionTable(new Uint8Array(440).fill(1));
  expect(first?.bytes[439]).toBe(1);
  expect(Buffer.from(first?.bytes ?? []).readUInt32LE(440)).toBe(0x6f6d7274);
});

test("what is larger than its partition is refused", () => {
  const folder = scratchFolder();
  const boot = join(folder, "boot");
  const { sectors = 0 } = PARTITIONS.find(({ name }) => name === "boot-a") ?? {};
  writeFileSync(boot, "");
  Bun.spawnSync(["truncate", "-s", String(sectors * SECTOR + 1), boot]);
  expect(() => writeImage(join(folder, "disk.img"), [], [["boot-a", boot]])).toThrow(
    "does not fit into boot-a",
  );
});
