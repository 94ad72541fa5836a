import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readVmImage, VmImageError } from "../../../../src/vm/image/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const SHA256 = "0".repeat(64);

function written(change: Record<string, unknown> = {}, bytes = 6): string {
  const folder = scratch();
  writeFileSync(join(folder, "kernel"), "kernel");
  writeFileSync(join(folder, "initrd.cpio"), "initrd");
  const manifest = {
    ...{ name: "small", version: "1", architecture: "amd64", kernelCommandLine: "quiet" },
    files: { kernel: { sha256: SHA256, bytes }, "initrd.cpio": { sha256: SHA256, bytes: 6 } },
    ...change,
  };
  const path = join(folder, "manifest.json");
  writeFileSync(path, JSON.stringify(manifest));
  return path;
}

describe("an image for virtual machines", () => {
  test("is read with the paths of its files", () => {
    const path = written();
    expect(readVmImage(path)).toEqual({
      ...{ name: "small", version: "1", architecture: "amd64", kernelCommandLine: "quiet", base: undefined },
      kernel: path.replace("manifest.json", "kernel"),
      initrd: path.replace("manifest.json", "initrd.cpio"),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("is the same as another by what a machine starts from, whatever it is called", () => {
    const digest = (change: Record<string, unknown>) => readVmImage(written(change)).digest;
    const usual = digest({});
    expect(digest({ name: "other", version: "2" })).toBe(usual);
    expect(digest({ kernelCommandLine: "loud" })).not.toBe(usual);
    const other = { sha256: "1".repeat(64), bytes: 6 };
    expect(digest({ files: { kernel: other, "initrd.cpio": { ...other, sha256: SHA256 } } })).not.toBe(usual);
    expect(digest({ files: { kernel: { ...other, sha256: SHA256 }, "initrd.cpio": other } })).not.toBe(usual);
  });

  test.each<[string, () => string, string]>([
    ["that is not there", () => "/nowhere/manifest.json", "no such file"],
    ["with a name that no request can have", () => written({ name: "../x" }), "name"],
    ["for another processor", () => written({ architecture: "mips" }), "architecture"],
    ["whose kernel is cut off", () => written({}, 7), "kernel: has 6 bytes, not 7"],
    ["without a kernel", () => written({ files: {} }), "has no kernel"],
  ])("%s is refused with what is wrong", (_, make, what) => {
    const path = make();
    expect(() => readVmImage(path)).toThrow(VmImageError);
    expect(() => readVmImage(path)).toThrow(new RegExp(what, "i"));
  });
});
