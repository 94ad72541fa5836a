import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CheckpointError } from "../../../../src/vm/checkpoint/index.ts";
import { readQcow2Head } from "../../../../src/vm/checkpoint/restored-overlay.ts";

/** The head of an overlay as qemu-img 7.2 writes it: `create -f qcow2 -F raw -b /a 64M`, its feature table left out. */
function head(change: (view: DataView) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(65_536);
  const view = new DataView(bytes.buffer);
  const words: [number, number][] = [
    ...(
      [
        [0, 0x514649fb],
        [4, 3],
        [12, 0x90],
        [16, 2],
        [20, 16],
        [28, 64 * 1_048_576],
      ] as const
    ).map(([at, value]): [number, number] => [at, value]),
    ...(
      [
        [36, 1],
        [44, 0x30000],
        [52, 0x10000],
        [56, 1],
        [96, 4],
        [100, 112],
      ] as const
    ).map(([at, value]): [number, number] => [at, value]),
    // Of the image beneath: "raw".
    ...(
      [
        [112, 0xe2792aca],
        [116, 3],
        [120, 0x72617700],
      ] as const
    ).map(([at, value]): [number, number] => [at, value]),
  ];
  for (const [at, value] of words) view.setUint32(at, value);
  change(view);
  return bytes;
}

const problemOf = (bytes: Uint8Array): string => {
  try {
    readQcow2Head(bytes);
  } catch (error) {
    if (error instanceof CheckpointError) return error.why;
    throw error;
  }
  return "it was taken";
};

describe("a disk that came from elsewhere", () => {
  test("is taken as this box makes them", () => {
    expect(readQcow2Head(head())).toEqual({ virtualBytes: 64 * 1_048_576 });
  });

  test.each<[string, (view: DataView) => void, string]>([
    ["no qcow2 file", (view) => view.setUint32(0, 0), "is no qcow2 file of version 3"],
    ["an older version", (view) => view.setUint32(4, 2), "is no qcow2 file of version 3"],
    ["other clusters", (view) => view.setUint32(20, 21), "has clusters of another size"],
    ["a cipher", (view) => view.setUint32(32, 2), "is encrypted"],
    ["snapshots", (view) => view.setUint32(60, 1), "has snapshots"],
    [
      "its data in another file",
      (view) => view.setUint32(76, 4),
      "has a feature that no overlay of ours has",
    ],
    ["a feature of the future", (view) => view.setUint32(72, 1), "has a feature that no overlay of ours has"],
    [
      "the name of a data file",
      (view) => view.setUint32(112, 0x44415441),
      "has an extension that no overlay of ours has",
    ],
    ["extensions without an end", (view) => view.setUint32(116, 0xffff_fff0), "has a broken head"],
    ["a head within itself", (view) => view.setUint32(100, 8), "has a broken head"],
  ])("is refused with %s", (_, change, why) => {
    expect(problemOf(head(change))).toBe(why);
  });

  test("of whatever bytes is refused, or has a size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isQcow2) => {
        const any = head();
        any.set(bytes.subarray(0, 400), isQcow2 ? 8 : 0);
        expect(problemOf(isQcow2 ? any : bytes).length).toBeGreaterThan(0);
      }),
    );
  });
});
