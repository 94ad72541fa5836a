import { DISK_ID, DISK_SECTORS, PARTITIONS, type Partition, SECTOR, tableOf } from "./layout.ts";

/** Of a partition that holds others, by numbers of sectors alone. */
const EXTENDED = 0x0f;
const TABLE_AT = 446;
const ACTIVE = 0x80;

/** Bytes that go to one place of the disk. */
export interface Placed {
  /** In sectors. */
  at: number;
  bytes: Uint8Array;
}

/**
 * The disk's first sector and the tables inside of the fourth partition (UEFI specification, 5.2.1; extended partitions as
 * Linux reads them, block/partitions/msdos.c).
 * @param code what a BIOS starts: at most 440 bytes
 */
export function partitionTable(code: Uint8Array = new Uint8Array(0)): Placed[] {
  const primary = PARTITIONS.filter(({ number }) => number <= 4);
  const inner = PARTITIONS.filter(({ number }) => number > 4);
  const [firstInner] = inner;
  if (firstInner === undefined) throw new Error("nothing is inside of the fourth partition");
  const beginning = tableOf(firstInner);
  const first = sector([
    ...primary.map((one, index) => row(one.type, one.start, one.sectors, index === 0)),
    row(EXTENDED, beginning, DISK_SECTORS - beginning),
  ]);
  if (code.length > 440) throw new Error(`${code.length} bytes of code do not fit into the first sector`);
  first.set(code, 0);
  first.writeUInt32LE(DISK_ID, 440);
  return [
    { at: 0, bytes: first },
    ...inner.map((one, index) => ({ at: tableOf(one), bytes: chained(one, inner[index + 1], beginning) })),
  ];
}

/** A partition counts from its own table, and the next table from the beginning of the fourth partition. */
function chained(one: Partition, next: Partition | undefined, beginning: number): Buffer {
  const rows = [row(one.type, one.start - tableOf(one), one.sectors)];
  if (next) rows.push(row(EXTENDED, tableOf(next) - beginning, next.start + next.sectors - tableOf(next)));
  return sector(rows);
}

function sector(rows: readonly Buffer[]): Buffer {
  const bytes = Buffer.alloc(SECTOR);
  rows.forEach((one, index) => {
    bytes.set(one, TABLE_AT + 16 * index);
  });
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

function row(type: number, start: number, sectors: number, isActive = false): Buffer {
  const bytes = Buffer.alloc(16);
  bytes[0] = isActive ? ACTIVE : 0;
  // Cylinders, heads and sectors: "see the numbers".
  bytes.set([0xfe, 0xff, 0xff], 1);
  bytes[4] = type;
  bytes.set([0xfe, 0xff, 0xff], 5);
  bytes.writeUInt32LE(start, 8);
  bytes.writeUInt32LE(sectors, 12);
  return bytes;
}
