/** Where everything is on the card or disk: the same on every board. Updates and the first boot build on these numbers. */
export interface Partition {
  /** As the kernel counts: 1 to 4 are in the first sector, from 5 on they are inside of 4. */
  number: number;
  name: "control" | "boot-a" | "boot-b" | "root-a" | "root-b" | "data";
  /** In the first sector's table: 0x0c FAT, 0x83 Linux. */
  type: number;
  /** In sectors of 512 bytes. */
  start: number;
  sectors: number;
}

export const SECTOR = 512;
const MIB = 1_048_576 / SECTOR;
const FAT = 0x0c;
const LINUX = 0x83;
/** Erase blocks of cards are some MiB; GRUB has its place in front. */
const FIRST = 4 * MIB;
/** In front of each partition inside of the fourth is its own table; a MiB, so that all stay aligned. */
const TABLE = MIB;

/** In MiB. A slot's root has room for twice what it takes today; the data grow over the whole disk when it first starts. */
const SIZES_MIB = {
  control: 64,
  "boot-a": 128,
  "boot-b": 128,
  "root-a": 640,
  "root-b": 640,
  data: 64,
} satisfies Record<Partition["name"], number>;

/** By this the first file system knows its disk: a signature in the first sector, the same in every image. */
export const DISK_ID = 0x6f6d7274;

const places: readonly [number, Partition["name"], number][] = [
  [1, "control", FAT],
  [2, "boot-a", FAT],
  [3, "boot-b", FAT],
  [5, "root-a", LINUX],
  [6, "root-b", LINUX],
  [7, "data", LINUX],
];

export const PARTITIONS: readonly Partition[] = places.reduce<Partition[]>((before, [number, name, type]) => {
  const last = before.at(-1);
  const free = last ? last.start + last.sectors : FIRST;
  const start = number > 4 ? free + TABLE : free;
  before.push({ number, name, type, start, sectors: SIZES_MIB[name] * MIB });
  return before;
}, []);

export function partition(name: Partition["name"]): Partition {
  const found = PARTITIONS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no partition ${name}`);
  return found;
}

/** The table that stands in front of a partition inside of the fourth. */
export const tableOf = ({ start }: Partition): number => start - TABLE;

/** In sectors. */
export const DISK_SECTORS = PARTITIONS.reduce((end, { start, sectors }) => Math.max(end, start + sectors), 0);
