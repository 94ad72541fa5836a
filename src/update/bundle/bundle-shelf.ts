import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import { BundleError, MAX_BUNDLE_BYTES, MAX_TAIL_BYTES, readLayout } from "./layout.ts";

/** How a bundle came: by a stick; by the operator's word, newer or older than what runs. */
export const ARRIVALS = ["stick", "asked", "older"] as const;
export type Arrival = (typeof ARRIVALS)[number];

/** A bundle that is whole and was found good. */
export interface ShelvedBundle {
  /** SHA-256 of the signature and its length, in hexadecimal digits. */
  id: string;
  path: string;
  bytes: number;
}

/** What stays free for what the box is there for. */
const SPARE_BYTES = 128 * 1024 ** 2;
/** Of a few, so that a stick full of them costs nothing. */
const MOST = 16;
const REFUSED = ".refused";
const MAX_WORDS = 400;
const NAME = /^[\w.+-]{1,120}\.raucb$/;

/**
 * Bundles in the state folder: `incoming/…` as they come from outside, by rename when they are whole; `part` what is being
 * fetched; `held` those that were found good, named by what tells them from others.
 */
export class BundleShelf {
  constructor(private readonly folder: string) {}

  open(): void {
    for (const name of [...ARRIVALS.map((arrival) => join("incoming", arrival)), "part", "held"])
      mkdirSync(join(this.folder, name), { recursive: true, mode: 0o700 });
  }

  incoming(): { arrival: Arrival; path: string }[] {
    return ARRIVALS.flatMap((arrival) => {
      const folder = join(this.folder, "incoming", arrival);
      return names(folder).map((name) => ({ arrival, path: join(folder, name) }));
    });
  }

  /** What was refused where it was, with RAUC's words; it is told once. */
  refusals(): { name: string; said: string }[] {
    const folder = join(this.folder, "incoming", "stick");
    return readdirSync(folder)
      .filter((name) => name.endsWith(REFUSED))
      .slice(0, MOST)
      .map((name) => {
        const said = Buffer.from(this.read(join(folder, name), 0, MAX_WORDS)).toString("utf8");
        this.discard(join(folder, name));
        return { name: name.slice(0, -REFUSED.length), said };
      });
  }

  held(): ShelvedBundle[] {
    return names(join(this.folder, "held")).flatMap((name) => {
      try {
        return [this.describe(join(this.folder, "held", name))];
      } catch {
        return [];
      }
    });
  }

  /** Where what is being fetched is kept until it is whole; what was of others is removed. */
  partFor(id: string): string {
    const folder = join(this.folder, "part");
    for (const name of readdirSync(folder)) if (name !== id) rmSync(join(folder, name), { force: true });
    return join(folder, id);
  }

  placeFor(id: string): string {
    return join(this.folder, "held", `${id}.raucb`);
  }

  /** Keeps a bundle that was found good; it is on the medium for good. */
  keep(path: string): ShelvedBundle {
    const { id } = this.describe(path);
    const place = this.placeFor(id);
    sync(path);
    renameSync(path, place);
    sync(join(this.folder, "held"));
    return this.describe(place);
  }

  discard(path: string): void {
    rmSync(path, { force: true });
  }

  /** Removes all but those that are named. */
  keepOnly(ids: readonly string[]): void {
    for (const { id, path } of this.held()) if (!ids.includes(id)) this.discard(path);
  }

  hasRoomFor(bytes: number): boolean {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize >= bytes + SPARE_BYTES;
  }

  read(path: string, offset: number, length: number): Uint8Array {
    const file = openSync(path, "r");
    try {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
    } finally {
      closeSync(file);
    }
  }

  /** @throws {BundleError} when it is no bundle */
  describe(path: string): ShelvedBundle {
    const stat = lstatSync(path);
    if (!stat.isFile() || stat.size > MAX_BUNDLE_BYTES)
      throw new BundleError("bundle: no file, or too large");
    const tail = this.read(
      path,
      Math.max(0, stat.size - MAX_TAIL_BYTES),
      Math.min(stat.size, MAX_TAIL_BYTES),
    );
    return { id: bundleId(tail, stat.size), path, bytes: stat.size };
  }
}

/** What tells a bundle from others: two with the same signature have the same content. @throws {BundleError} */
export function bundleId(tail: Uint8Array, bytes: number): string {
  const { signedAt } = readLayout(tail, bytes);
  return new Bun.CryptoHasher("sha256").update(tail.subarray(-(bytes - signedAt))).digest("hex");
}

function names(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .slice(0, MOST);
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
