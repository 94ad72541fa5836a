import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isCardMounted } from "../../../src/first-boot/flashed.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

test("the card's part is there when something else is mounted in its folder", () => {
  const folder = join(scratch(), "omerta");
  expect(isCardMounted(folder)).toBe(false);
  mkdirSync(folder);
  expect(isCardMounted(folder)).toBe(false);
  // A file system of the kernel's own is mounted there on every Linux.
  expect(isCardMounted("/proc")).toBe(true);
});
