import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appendVerity } from "../../../image-build/disk/verity.ts";
import { scratchFolders } from "../scratch.ts";

const scratchFolder = scratchFolders();

const BLOCK = 4096;
/**
 * Of `veritysetup format --no-superblock --salt=- --hash=sha256` (cryptsetup 2.6.1), for files whose block n has 4096 times the
 * byte 7n + 3: the root's hash, and the SHA-256 of the tree.
 */
const KNOWN = [
  {
    blocks: 128,
    root: "d4692587e98d5e9b756189b21a27fa0502440e9afc2112260e4ecadb1b326492",
    tree: "d4692587e98d5e9b756189b21a27fa0502440e9afc2112260e4ecadb1b326492",
  },
  {
    blocks: 300,
    root: "569e8b01aee0f2e49a0a63ef63d5ed2ebc7e224a31e0001ab21e952a028369bc",
    tree: "6263ea4f79625bc72ed0b2f8209f157fee6279055aa367f42c1e37db55ed0372",
  },
];

test.each(KNOWN)("the tree of $blocks blocks is veritysetup's", ({ blocks, root, tree }) => {
  const file = join(scratchFolder(), "root");
  writeFileSync(
    file,
    Buffer.concat(Array.from({ length: blocks }, (_, n) => Buffer.alloc(BLOCK, (7 * n + 3) & 0xff))),
  );
  expect(appendVerity(file)).toEqual({ dataBlocks: blocks, rootHash: root });
  const appended = readFileSync(file).subarray(blocks * BLOCK);
  expect(createHash("sha256").update(appended).digest("hex")).toBe(tree);
});

test("what is no whole number of blocks is refused", () => {
  const file = join(scratchFolder(), "root");
  writeFileSync(file, Buffer.alloc(BLOCK + 1));
  expect(() => appendVerity(file)).toThrow("no whole blocks");
});
