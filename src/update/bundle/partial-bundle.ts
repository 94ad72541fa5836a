import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { blockHash, digestAt, type HashTree, hashTree } from "./hash-tree.ts";
import { BLOCK_BYTES, type BundleLayout, readLayout } from "./layout.ts";

/** What is asked for, kept and checked at a time: what a link that breaks costs is less than that. */
export const CHUNK_BLOCKS = 8;
export const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;

/** A piece of a bundle: whole blocks, but for the signature at the end. */
export interface Chunk {
  /** In the file. */
  offset: number;
  length: number;
}

/**
 * A bundle of which not all is there yet. Its file has the bundle's size, holes where nothing has come. What is there is
 * found by the hashes that the bundle's signature leads to, so nothing has to be kept beside the file: after a power cut a
 * block that did not reach the medium is a block that is missing, and a neighbour can give no block that was not signed.
 */
export class PartialBundle {
  private readonly tree: HashTree;
  /** By the chunk's index in {@link order}. */
  private readonly has: boolean[] = [];
  private readonly order: readonly Chunk[];
  private missingFrom = 0;
  private received = 0;
  private lastRead: { block: number; bytes: Uint8Array } | undefined;

  private constructor(
    readonly path: string,
    readonly layout: BundleLayout,
    private readonly file: FileHandle,
  ) {
    this.tree = hashTree(layout);
    this.order = chunksOf(layout);
    this.received = layout.bytes - layout.signedAt;
  }

  /**
   * Opens the file of an earlier run, or makes one. Looks through what is there, with pauses for others.
   * @param tail the bundle's end with the whole signature, found good by RAUC
   * @throws {BundleError} {@link readLayout}'s
   */
  static async open(path: string, tail: Uint8Array, bytes: number): Promise<PartialBundle> {
    const layout = readLayout(tail, bytes);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      await file.truncate(bytes);
      const signature = tail.subarray(-(bytes - layout.signedAt));
      await file.write(signature, 0, signature.length, layout.signedAt);
      const partial = new PartialBundle(path, layout, file);
      await partial.lookThrough();
      return partial;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** How many bytes are there and good. */
  get goodBytes(): number {
    return this.received;
  }

  get isWhole(): boolean {
    return this.next() === undefined;
  }

  /** What to ask for next: hashes before what they are of. undefined: all is there. */
  next(): Chunk | undefined {
    while (this.has[this.missingFrom] === true) this.missingFrom += 1;
    return this.order[this.missingFrom];
  }

  /** Keeps a chunk that {@link next} gave. @returns false when it is not what was signed */
  async take(chunk: Chunk, bytes: Uint8Array): Promise<boolean> {
    const index = this.indexOf(chunk.offset / BLOCK_BYTES);
    if (bytes.length !== chunk.length || !(await this.isGood(chunk, bytes))) return false;
    await this.file.write(bytes, 0, bytes.length, chunk.offset);
    if (this.has[index] !== true) this.received += chunk.length;
    this.has[index] = true;
    return true;
  }

  /** Puts a whole one where it belongs, on the medium for good. @throws when it is not whole */
  async finish(path: string): Promise<void> {
    if (!this.isWhole) throw new Error(`${this.path} is not whole`);
    await this.file.sync();
    await this.file.close();
    await mkdir(dirname(path), { recursive: true });
    await rename(this.path, path);
    const folder = await open(dirname(path), "r");
    await folder.sync().finally(() => folder.close());
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async lookThrough(): Promise<void> {
    const bytes = new Uint8Array(CHUNK_BYTES);
    for (const [index, chunk] of this.order.entries()) {
      const piece = bytes.subarray(0, chunk.length);
      await this.file.read(piece, 0, chunk.length, chunk.offset);
      const isGood = await this.isGood(chunk, piece);
      this.has[index] = isGood;
      if (isGood) this.received += chunk.length;
    }
  }

  private async isGood({ offset }: Chunk, bytes: Uint8Array): Promise<boolean> {
    const first = offset / BLOCK_BYTES;
    for (let index = 0; index * BLOCK_BYTES < bytes.length; index += 1) {
      const block = bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
      const wanted = await this.wantedHash(first + index, { first, bytes });
      if (!wanted || Buffer.compare(blockHash(this.layout.salt, block), wanted) !== 0) return false;
    }
    return true;
  }

  /** @param around what has just come: the hash may be in it, and has been checked then */
  private async wantedHash(
    block: number,
    around: { first: number; bytes: Uint8Array },
  ): Promise<Uint8Array | undefined> {
    const place = this.tree.placeOf(block);
    if (!place) return this.layout.rootHash;
    const inChunk = (place.block - around.first) * BLOCK_BYTES;
    if (inChunk >= 0 && inChunk < around.bytes.length) return digestAt(around.bytes, inChunk + place.at);
    if (this.has[this.indexOf(place.block)] !== true) return undefined;
    // The next 127 have theirs in the same block.
    if (this.lastRead?.block !== place.block) {
      const read = new Uint8Array(BLOCK_BYTES);
      await this.file.read(read, 0, BLOCK_BYTES, place.block * BLOCK_BYTES);
      this.lastRead = { block: place.block, bytes: read };
    }
    return digestAt(this.lastRead.bytes, place.at);
  }

  /** Which chunk of {@link order} a block is in. */
  private indexOf(block: number): number {
    const { contentBlocks, treeBlocks } = this.layout;
    if (block >= contentBlocks) return Math.floor((block - contentBlocks) / CHUNK_BLOCKS);
    return Math.ceil(treeBlocks / CHUNK_BLOCKS) + Math.floor(block / CHUNK_BLOCKS);
  }
}

/** The tree from its top, then the content. */
function chunksOf({ contentBlocks, treeBlocks }: BundleLayout): Chunk[] {
  const chunks: Chunk[] = [];
  const add = (from: number, until: number) => {
    for (let block = from; block < until; block += CHUNK_BLOCKS) {
      const blocks = Math.min(CHUNK_BLOCKS, until - block);
      chunks.push({ offset: block * BLOCK_BYTES, length: blocks * BLOCK_BYTES });
    }
  };
  add(contentBlocks, contentBlocks + treeBlocks);
  add(0, contentBlocks);
  return chunks;
}
