import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  chooseMedium,
  type MediumChoice,
  mediumSizeMiB,
  qcow2SizeMiB,
} from "../../../../src/vm/overlay/choose-medium.ts";

const CHOICE: MediumChoice = {
  sizeMiB: 512,
  availableMemoryMiB: 2_000,
  keptMemoryMiB: 500,
  memoryShareMiB: 1_024,
  memoryTakenMiB: 0,
  memoryUnusedMiB: 0,
  freeMediumMiB: 10_000,
  keptMediumMiB: 1_000,
};
const chosen = (over: Partial<MediumChoice>) => chooseMedium({ ...CHOICE, ...over });

describe("where a disk is to be", () => {
  test("is in memory as long as it has its share free and enough is left", () => {
    expect(chosen({})).toEqual({ medium: "memory" });
    expect(chosen({ sizeMiB: 1_024 })).toEqual({ medium: "memory" });
  });

  test.each([
    ["it is more than the share", { sizeMiB: 1_025 }],
    ["others have of the share", { memoryTakenMiB: 513 }],
    ["too little is available", { availableMemoryMiB: 1_011 }],
    ["others may still take what is available", { memoryUnusedMiB: 989 }],
  ])("is on the medium, encrypted, when %s", (_, over) => {
    expect(chosen(over)).toEqual({ medium: "encrypted" });
  });

  test("does not count what others use already as if it were still to come", () => {
    expect(chosen({ memoryTakenMiB: 512, memoryUnusedMiB: 0, availableMemoryMiB: 1_012 })).toEqual({
      medium: "memory",
    });
  });

  test("is nowhere without room, and it says how much there is", () => {
    expect(chosen({ sizeMiB: 2_000, freeMediumMiB: undefined })).toEqual({
      refused: "2000 MiB are more than the 1024 MiB that memory has for disks",
    });
    expect(chosen({ sizeMiB: 9_000 })).toEqual({
      refused: "9000 MiB fit neither into memory nor onto the medium",
    });
  });

  test("never leaves less than is to be kept, whatever there is", () => {
    const amount = fc.nat(5_000);
    const any = fc.record({
      sizeMiB: fc.integer({ min: 1, max: 5_000 }),
      availableMemoryMiB: amount,
      keptMemoryMiB: amount,
      memoryShareMiB: amount,
      memoryTakenMiB: amount,
      memoryUnusedMiB: amount,
      freeMediumMiB: fc.option(amount, { nil: undefined }),
      keptMediumMiB: amount,
    });
    fc.assert(
      fc.property(any, (choice) => {
        const found = chooseMedium(choice);
        if (!("medium" in found)) return;
        if (found.medium === "encrypted")
          expect((choice.freeMediumMiB ?? 0) - mediumSizeMiB(choice.sizeMiB)).toBeGreaterThanOrEqual(
            choice.keptMediumMiB,
          );
        else {
          const left = choice.availableMemoryMiB - choice.memoryUnusedMiB - choice.sizeMiB;
          expect(left).toBeGreaterThanOrEqual(choice.keptMemoryMiB);
          expect(choice.memoryTakenMiB + choice.sizeMiB).toBeLessThanOrEqual(choice.memoryShareMiB);
        }
      }),
    );
  });
});

test("there is room for the tables of a qcow2 beside what a guest writes, and for a file system around it", () => {
  for (const sizeMiB of [1, 64, 1_024, 65_536]) {
    const clusters = sizeMiB * 16;
    const tables = (Math.ceil(clusters / 8_192) + Math.ceil(clusters / 32_768) + 8) / 16;
    expect(qcow2SizeMiB(sizeMiB)).toBeGreaterThan(sizeMiB + tables);
    expect(mediumSizeMiB(sizeMiB)).toBeGreaterThan(qcow2SizeMiB(sizeMiB));
  }
});
