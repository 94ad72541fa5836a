import { createHash, hash } from "node:crypto";
import type { BundleId } from "../bundle/bundle.ts";

/** What two boxes compare of a range of ids: equal for equal sets, and for no others that anybody will find by chance. */
export interface RangeFingerprint {
  /** How many ids the range has. */
  count: number;
  /** 16 bytes. */
  digest: Uint8Array;
}

/** Where a range ends, itself not in it: an id, the beginning of one, or undefined: after the last id. */
export type UpperBound = string | undefined;

/** Ids in a leaf until it becomes sixteen. */
const MAX_LEAF = 64;
/** Ids below a node until its leaves become one again; well below the other, so that none flaps. */
const MIN_BRANCH = 32;
const DIGITS = "0123456789abcdef";
const ID_CHARS = 24;
const ID = /^[0-9a-f]{24}$/;
const MODULUS = 1n << 256n;
const DIGEST_BYTES = 16;

interface Leaf {
  /** Ascending. */
  ids: BundleId[];
  /** Of each id, at the same place. */
  elements: bigint[];
  count: number;
  sum: bigint;
}

interface Branch {
  /** One for each hex digit. */
  children: Node[];
  count: number;
  /** Of all elements below, mod 2^256. */
  sum: bigint;
}

type Node = Leaf | Branch;

/**
 * Ids in order, with fingerprints of any range of them in O(log n): range-based set reconciliation (A. Meyer, "Range-Based Set
 * Reconciliation", SRDS 2023) asks for many of them. A range's fingerprint is that of negentropy's protocol version 1: the sum of
 * the elements mod 2^256 and their count, hashed. An id is too short to be an element; its SHA-256 is one.
 *
 * The ids stand in a tree that branches by their hex digits. They are hashes, so it is level by itself, and whoever chooses
 * ids with great effort gets no deeper than their 24 digits.
 */
export class IdIndex {
  private root: Node = leaf();

  get size(): number {
    return this.root.count;
  }

  /**
   * @returns false when it was there
   * @throws RangeError where it is no id
   */
  add(id: BundleId): boolean {
    if (!ID.test(id)) throw new RangeError(`id: ${id} is not ${ID_CHARS} lower-case hex digits`);
    if (this.has(id)) return false;
    this.root = added(this.root, id, element(id), 0);
    return true;
  }

  /** @returns false when it was not there */
  remove(id: BundleId): boolean {
    if (!this.has(id)) return false;
    this.root = removed(this.root, id, element(id), 0);
    return true;
  }

  has(id: BundleId): boolean {
    let node = this.root;
    for (let depth = 0; "children" in node; depth += 1) node = child(node, id, depth);
    return node.ids[place(node.ids, id)] === id;
  }

  /** Of the ids from `lo`, which is in it, to `hi`, which is not. Bounds are ids, or their beginnings; "" is before all. */
  fingerprint(lo: string = "", hi?: UpperBound): RangeFingerprint {
    const upper = below(this.root, hi);
    const lower = below(this.root, lo);
    const count = Math.max(0, upper.count - lower.count);
    return { count, digest: digest(count === 0 ? 0n : mod(upper.sum - lower.sum), count) };
  }

  /** How many ids a range has. */
  count(lo: string = "", hi?: UpperBound): number {
    return Math.max(0, below(this.root, hi).count - below(this.root, lo).count);
  }

  /** The ids of a range, ascending. @param limit how many at most */
  ids(lo: string = "", hi?: UpperBound, limit = Number.POSITIVE_INFINITY): BundleId[] {
    const found: BundleId[] = [];
    collect(this.root, "", lo, hi, limit, found);
    return found;
  }

  /**
   * Where to cut a range into parts of as equal a count as can be.
   * @param parts how many, 2 or more
   * @returns where each part but the first begins, ascending: fewer than `parts - 1` where there are fewer ids than parts
   */
  splitAt(parts: number, lo: string = "", hi?: UpperBound): BundleId[] {
    const first = below(this.root, lo).count;
    const count = this.count(lo, hi);
    const most = Math.min(parts, count);
    const cuts: BundleId[] = [];
    for (let part = 1; part < most; part += 1) {
      cuts.push(nth(this.root, first + Math.floor((part * count) / most)));
    }
    return cuts;
  }
}

function leaf(): Leaf {
  return { ids: [], elements: [], count: 0, sum: 0n };
}

const mod = (value: bigint): bigint => BigInt.asUintN(256, value + MODULUS);

function element(id: BundleId): bigint {
  return BigInt(`0x${hash("sha256", id, "hex")}`);
}

/** As negentropy's protocol version 1 does: the sum, little-endian, and the count behind it. */
function digest(sum: bigint, count: number): Uint8Array {
  const bytes = Buffer.alloc(36);
  for (let limb = 0; limb < 4; limb += 1)
    bytes.writeBigUInt64LE(BigInt.asUintN(64, sum >> BigInt(64 * limb)), 8 * limb);
  bytes.writeUInt32LE(count, 32);
  return Uint8Array.from(createHash("sha256").update(bytes).digest().subarray(0, DIGEST_BYTES));
}

/** Where an id is in a leaf, or would be. */
function place(ids: readonly BundleId[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? "") < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @throws RangeError where there is none: a bound is not what it should be */
function digitAt(id: string, depth: number): number {
  const digit = DIGITS.indexOf(id[depth] ?? "-");
  if (digit < 0) throw new RangeError(`bound: ${id} is not made of lower-case hex digits`);
  return digit;
}

function child(branch: Branch, id: string, depth: number): Node {
  const found = branch.children[digitAt(id, depth)];
  if (!found) throw new RangeError("a branch has sixteen children");
  return found;
}

function added(node: Node, id: BundleId, value: bigint, depth: number): Node {
  node.count += 1;
  node.sum = mod(node.sum + value);
  if ("children" in node) {
    node.children[digitAt(id, depth)] = added(child(node, id, depth), id, value, depth + 1);
    return node;
  }
  const at = place(node.ids, id);
  node.ids.splice(at, 0, id);
  node.elements.splice(at, 0, value);
  return node.count > MAX_LEAF && depth < ID_CHARS ? branched(node, depth) : node;
}

function branched(full: Leaf, depth: number): Branch {
  const branch: Branch = { children: Array.from(DIGITS, leaf), count: full.count, sum: full.sum };
  for (const [at, id] of full.ids.entries()) {
    branch.children[digitAt(id, depth)] = added(
      child(branch, id, depth),
      id,
      full.elements[at] ?? 0n,
      depth + 1,
    );
  }
  return branch;
}

function removed(node: Node, id: BundleId, value: bigint, depth: number): Node {
  node.count -= 1;
  node.sum = mod(node.sum - value);
  if ("children" in node) {
    node.children[digitAt(id, depth)] = removed(child(node, id, depth), id, value, depth + 1);
    return node.count < MIN_BRANCH ? merged(node) : node;
  }
  const at = place(node.ids, id);
  node.ids.splice(at, 1);
  node.elements.splice(at, 1);
  return node;
}

/** A branch's ids in one leaf. */
function merged(branch: Branch): Leaf {
  const whole: Leaf = { ids: [], elements: [], count: branch.count, sum: branch.sum };
  for (const one of branch.children) {
    const part = "children" in one ? merged(one) : one;
    whole.ids.push(...part.ids);
    whole.elements.push(...part.elements);
  }
  return whole;
}

/** Count and sum of all ids before a bound. */
function below(root: Node, bound: UpperBound): { count: number; sum: bigint } {
  if (bound === undefined) return root;
  let count = 0;
  let sum = 0n;
  let node = root;
  for (let depth = 0; "children" in node; depth += 1) {
    // A bound that ends here is before all that goes on.
    if (depth >= bound.length) return { count, sum };
    const digit = digitAt(bound, depth);
    for (const before of node.children.slice(0, digit)) {
      count += before.count;
      sum += before.sum;
    }
    node = child(node, bound, depth);
  }
  const at = place(node.ids, bound);
  for (const value of node.elements.slice(0, at)) sum += value;
  return { count: count + at, sum: mod(sum) };
}

function collect(
  node: Node,
  prefix: string,
  lo: string,
  hi: UpperBound,
  limit: number,
  found: BundleId[],
): void {
  if (found.length >= limit || node.count === 0) return;
  if (!("children" in node)) {
    const from = place(node.ids, lo);
    const to = hi === undefined ? node.ids.length : place(node.ids, hi);
    for (const id of node.ids.slice(from, Math.min(to, from + limit - found.length))) found.push(id);
    return;
  }
  for (const [digit, one] of node.children.entries()) {
    const longer = prefix + DIGITS[digit];
    if (longer < lo.slice(0, longer.length)) continue;
    if (hi !== undefined && longer >= hi) return;
    collect(one, longer, lo, hi, limit, found);
  }
}

/** The id before which `rank` others stand. */
function nth(root: Node, rank: number): BundleId {
  let node = root;
  let left = rank;
  while ("children" in node) {
    const next: Node | undefined = node.children.find((one) => {
      if (left < one.count) return true;
      left -= one.count;
      return false;
    });
    if (!next) throw new RangeError(`rank: ${rank} of ${root.count} ids`);
    node = next;
  }
  const id = node.ids[left];
  if (id === undefined) throw new RangeError(`rank: ${rank} of ${root.count} ids`);
  return id;
}
