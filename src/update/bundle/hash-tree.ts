import { BLOCK_BYTES, BundleError, type BundleLayout } from "./layout.ts";

const DIGEST_BYTES = 32;
const DIGESTS_A_BLOCK = BLOCK_BYTES / DIGEST_BYTES;

/**
 * The tree of SHA-256 hashes over a bundle's content, as dm-verity has it (format 1, without a superblock;
 * https://docs.kernel.org/admin-guide/device-mapper/verity.html): a block's hash is that of the salt and the block, 128 of
 * them make a block of the level above, and the highest level's only block has the root hash. In the file the highest level
 * comes first.
 */
export interface HashTree {
  /** Blocks of the file that the tree has a hash of, the tree's own among them: content first, then the tree. */
  readonly blocks: number;
  /** Where the hash of a block of the file is: in which block, and at which byte of it; undefined: it is the root hash. */
  placeOf(block: number): { block: number; at: number } | undefined;
}

/** @throws {BundleError} when the tree has another size than such a content needs */
export function hashTree({ contentBlocks, treeBlocks }: BundleLayout): HashTree {
  // From the lowest level up.
  const sizes: number[] = [];
  for (let blocks = contentBlocks; blocks > 1; blocks = Math.ceil(blocks / DIGESTS_A_BLOCK))
    sizes.push(Math.ceil(blocks / DIGESTS_A_BLOCK));
  const starts: number[] = [];
  let next = contentBlocks;
  for (const [index, size] of [...sizes.entries()].reverse()) {
    starts[index] = next;
    next += size;
  }
  const blocks = next;
  if (blocks !== contentBlocks + treeBlocks)
    throw new BundleError(`bundle: ${treeBlocks} blocks of hashes for ${contentBlocks} of content`);
  const below = (start: number, index: number) => ({
    block: start + Math.floor(index / DIGESTS_A_BLOCK),
    at: (index % DIGESTS_A_BLOCK) * DIGEST_BYTES,
  });
  return {
    blocks,
    placeOf(block) {
      if (block < contentBlocks) return starts[0] === undefined ? undefined : below(starts[0], block);
      for (const [level, start] of starts.entries()) {
        if (block < start || block >= start + (sizes[level] ?? 0)) continue;
        const above = starts[level + 1];
        return above === undefined ? undefined : below(above, block - start);
      }
      throw new RangeError(`block ${block} of ${blocks}`);
    },
  };
}

export function blockHash(salt: Uint8Array, block: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(salt).update(block).digest();
}

/** The hash of a block as a block above has it. */
export const digestAt = (block: Uint8Array, at: number): Uint8Array => block.subarray(at, at + DIGEST_BYTES);
