import { expect, test } from "bun:test";
import { parseMounts } from "../../../../src/vm/host-first/controller-places.ts";
import { memorySizeMiB } from "../../../../src/vm/overlay/mounts.ts";

const mount = (options: string, type = "tmpfs") =>
  parseMounts(`36 28 0:40 / /run/a rw - ${type} omerta-overlay ${options}\n`).map(memorySizeMiB)[0];

test("the size of a disk's memory is read from the kernel, whatever other options it has", () => {
  expect(mount("rw,size=12288k,nr_inodes=16,mode=711,noswap")).toBe(12);
  expect(mount("rw,size=12289k")).toBe(13);
});

test("what is no memory of a bounded size has none", () => {
  expect(mount("rw,size=12288k", "ext4")).toBeUndefined();
  expect(mount("rw")).toBeUndefined();
  expect(mount("rw,size=50%")).toBeUndefined();
});
