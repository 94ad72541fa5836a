import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";

/** What dm-verity has to be told of a device (Linux, Documentation/admin-guide/device-mapper/verity.rst). */
export interface Verity {
  /** Blocks of 4096 bytes that are protected; the hashes begin right behind them. */
  dataBlocks: number;
  /** In hexadecimal digits. */
  rootHash: string;
}

const BLOCK = 4096;
const HASH = 32;
const HASHES_PER_BLOCK = BLOCK / HASH;

/**
 * Appends a tree of SHA-256 hashes without salt to a file whose size is a multiple of 4096: the root's hash first, then level
 * by level, as dm-verity reads them.
 */
export function appendVerity(file: string): Verity {
  const bytes = statSync(file).size;
  if (bytes === 0 || bytes % BLOCK !== 0) throw new Error(`${file}: ${bytes} bytes are no whole blocks`);
  const dataBlocks = bytes / BLOCK;
  const handle = openSync(file, "r+");
  try {
    const chunk = Buffer.alloc(HASHES_PER_BLOCK * BLOCK);
    const hashes = Buffer.alloc(dataBlocks * HASH);
    for (let block = 0; block < dataBlocks; ) {
      const read = readSync(handle, chunk, 0, chunk.length, block * BLOCK);
      if (read === 0) throw new Error(`${file} ends early`);
      for (let at = 0; at + BLOCK <= read; at += BLOCK)
        hashes.set(sha256(chunk.subarray(at, at + BLOCK)), block++ * HASH);
    }
    const levels = [blocksOf(hashes)];
    for (let level = levels[0]; level && level.length > BLOCK; level = levels[0])
      levels.unshift(blocksOf(hashesOf(level)));
    let at = bytes;
    for (const level of levels) at += writeSync(handle, level, 0, level.length, at);
    return { dataBlocks, rootHash: sha256(levels[0] ?? Buffer.alloc(0)).toString("hex") };
  } finally {
    closeSync(handle);
  }
}

function hashesOf(level: Buffer): Buffer {
  const hashes = Buffer.alloc((level.length / BLOCK) * HASH);
  for (let at = 0; at < level.length; at += BLOCK)
    hashes.set(sha256(level.subarray(at, at + BLOCK)), (at / BLOCK) * HASH);
  return hashes;
}

/** Zeros behind the last one. */
function blocksOf(hashes: Buffer): Buffer {
  const blocks = Buffer.alloc(Math.ceil(hashes.length / BLOCK) * BLOCK);
  blocks.set(hashes);
  return blocks;
}

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
