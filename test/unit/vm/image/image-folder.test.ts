import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readVmImages } from "../../../../src/vm/image/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();

function put(folder: string, at: string, manifest: Record<string, unknown> = {}): void {
  const image = join(folder, at);
  mkdirSync(image);
  writeFileSync(join(image, "kernel"), "kernel");
  writeFileSync(join(image, "initrd.cpio"), "initrd");
  const file = { sha256: "0".repeat(64), bytes: 6 };
  const files = { kernel: file, "initrd.cpio": file };
  const usual = { name: at, version: "1", architecture: "amd64", kernelCommandLine: "", files };
  writeFileSync(join(image, "manifest.json"), JSON.stringify({ ...usual, ...manifest }));
}

describe("a folder of images", () => {
  test("that is not there has none, which is no fault", () => {
    const failed: string[] = [];
    expect(readVmImages("/nowhere", "amd64", (why) => failed.push(why))).toEqual([]);
    expect(failed).toEqual([]);
  });

  test("has those that are whole and for this processor; of the others it is said why not", () => {
    const folder = scratch();
    put(folder, "debian");
    put(folder, "small");
    put(folder, "twin", { name: "small" });
    put(folder, "foreign", { architecture: "arm64" });
    put(folder, "broken", { name: "../x" });
    mkdirSync(join(folder, "empty"));
    writeFileSync(join(folder, "README"), "");
    const failed: string[] = [];
    const found = readVmImages(folder, "amd64", (why) => failed.push(why));
    expect(found.map(({ name }) => name)).toEqual(["debian", "small"]);
    expect(failed).toEqual([
      expect.stringContaining("broken/manifest.json: name"),
      expect.stringContaining("foreign/manifest.json: is for arm64"),
      expect.stringContaining("twin/manifest.json: there is another small"),
    ]);
  });
});
