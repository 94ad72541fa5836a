import { blockHash } from "../../../src/update/bundle/hash-tree.ts";
import { BLOCK_BYTES } from "../../../src/update/bundle/layout.ts";

/** What has a bundle's form and is signed by nobody: for what comes after a signature was found good. @param blocks up to 128 */
export function playedBundle(version: string, blocks = 20): Uint8Array {
  const salt = new Uint8Array(32).fill(7);
  const content = new Uint8Array(blocks * BLOCK_BYTES);
  for (let block = 0; block < blocks; block += 1)
    content.set(Buffer.from(`${version} ${block}`), block * BLOCK_BYTES);
  const tree = new Uint8Array(BLOCK_BYTES);
  for (let block = 0; block < blocks; block += 1)
    tree.set(blockHash(salt, content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)), block * 32);
  const root = Buffer.from(blockHash(salt, tree)).toString("hex");
  const signature = Buffer.from(
    `[update]\nversion=${version}\n[bundle]\nformat=verity\nverity-hash=${root}\nverity-salt=${Buffer.from(salt).toString("hex")}\nverity-size=${BLOCK_BYTES}\n`,
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(signature.length));
  return Buffer.concat([content, tree, signature, length]);
}

/** The version of a {@link playedBundle}. */
export const playedVersion = (bytes: Uint8Array): string =>
  /\nversion=(.*)\n\[bundle\]/.exec(Buffer.from(bytes).toString("latin1"))?.[1] ?? "";
