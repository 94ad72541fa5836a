import type { BundleId } from "../../src/messages/bundle/bundle.ts";

const HASHES = 4;
const WORDS = 3;
/** An id, a check of it and a count of two bytes. */
const CELL_BYTES = 12 + 4 + 2;
const FIRST_CELLS = 64;

/** Numbers that are in a table: an id's three words. */
type Words = readonly [number, number, number];

/**
 * An invertible Bloom lookup table (D. Eppstein et al., "What's the Difference?", SIGCOMM 2011) of ids: of two, one taken from
 * the other, what differs can be read where it is less than two thirds of the cells.
 */
class LookupTable {
  private readonly words: Uint32Array;
  private readonly checks: Uint32Array;
  private readonly counts: Int32Array;

  constructor(
    readonly cells: number,
    private readonly salt: number,
  ) {
    this.words = new Uint32Array(cells * WORDS);
    this.checks = new Uint32Array(cells);
    this.counts = new Int32Array(cells);
  }

  add(id: Words, by: 1 | -1 = 1): void {
    const check = mixed(id, this.salt ^ 0x5bd1e995);
    for (let hash = 0; hash < HASHES; hash += 1) {
      const cell = this.cellOf(id, hash);
      for (let word = 0; word < WORDS; word += 1) {
        const at = cell * WORDS + word;
        this.words[at] = (this.words[at] ?? 0) ^ (id[word] ?? 0);
      }
      this.checks[cell] = (this.checks[cell] ?? 0) ^ check;
      this.counts[cell] = (this.counts[cell] ?? 0) + by;
    }
  }

  subtract(other: LookupTable): void {
    for (let at = 0; at < this.words.length; at += 1)
      this.words[at] = (this.words[at] ?? 0) ^ (other.words[at] ?? 0);
    for (let cell = 0; cell < this.cells; cell += 1) {
      this.checks[cell] = (this.checks[cell] ?? 0) ^ (other.checks[cell] ?? 0);
      this.counts[cell] = (this.counts[cell] ?? 0) - (other.counts[cell] ?? 0);
    }
  }

  /** @returns how many ids differ; undefined where they are too many for the table */
  read(): number | undefined {
    let found = 0;
    const toLook = Array.from({ length: this.cells }, (_, cell) => cell);
    for (let cell = toLook.pop(); cell !== undefined; cell = toLook.pop()) {
      const count = this.counts[cell];
      if (count !== 1 && count !== -1) continue;
      const at = cell * WORDS;
      const id = [this.words[at] ?? 0, this.words[at + 1] ?? 0, this.words[at + 2] ?? 0] as const;
      if (mixed(id, this.salt ^ 0x5bd1e995) !== this.checks[cell]) continue;
      this.add(id, count === 1 ? -1 : 1);
      found += 1;
      for (let hash = 0; hash < HASHES; hash += 1) toLook.push(this.cellOf(id, hash));
    }
    return this.checks.every((check) => check === 0) && this.counts.every((count) => count === 0)
      ? found
      : undefined;
  }

  /** Each hash has a part of the table for itself. */
  private cellOf(id: Words, hash: number): number {
    const part = this.cells / HASHES;
    return hash * part + (mixed(id, this.salt + hash + 1) % part);
  }
}

/** The finalizer of MurmurHash3 over the words. */
function mixed(id: Words, salt: number): number {
  let hash = salt >>> 0;
  for (const word of id) {
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

const wordsOf = (id: BundleId): Words => [
  Number.parseInt(id.slice(0, 8), 16),
  Number.parseInt(id.slice(8, 16), 16),
  Number.parseInt(id.slice(16), 16),
];

/** Finds what two sets have not in common by tables, each twice as large as the one before, until one can be read. */
export function reconcileByTables(near: readonly BundleId[], far: readonly BundleId[]) {
  const [ours, theirs] = [near.map(wordsOf), far.map(wordsOf)];
  const beganMs = performance.now();
  let bytes = 0;
  for (let cells = FIRST_CELLS, roundTrips = 1; ; cells *= 2, roundTrips += 1) {
    const [a, b] = [new LookupTable(cells, roundTrips), new LookupTable(cells, roundTrips)];
    for (const id of ours) a.add(id);
    for (const id of theirs) b.add(id);
    bytes += cells * CELL_BYTES;
    b.subtract(a);
    const differing = b.read();
    if (differing === undefined) continue;
    // What the side that began lacks, told by id.
    bytes += differing * 12;
    return { bytes, roundTrips, ms: performance.now() - beganMs, differing };
  }
}
