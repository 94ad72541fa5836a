import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  debianArchitecture,
  forRecord,
  type LendingInventory,
  type LendingReserve,
  type LentResources,
  lendingOf,
  loadOf,
} from "../../../../src/vm/capability/lending.ts";

const BOX: LendingInventory = {
  architecture: "arm64",
  acceleration: "kvm",
  cpus: 4,
  memory: { totalMiB: 4_000, availableMiB: 3_000, swapMiB: 0 },
  freeMediumMiB: 0,
  overlaysInMemory: true,
  images: ["small"],
  load: 250.4,
};
const RESERVE: LendingReserve = { cpus: 1, memoryMiB: 500, diskMiB: 100, maxLeases: 4, overheadMiB: 60 };
const lease = (over: Partial<LentResources> = {}): LentResources => ({
  cpus: 1,
  memoryMiB: 256,
  diskMiB: 100,
  diskInMemory: true,
  usedMemoryMiB: undefined,
  usedDiskMiB: undefined,
  ...over,
});

describe("what a box can lend", () => {
  test("is what is there, without what it keeps for itself and what a machine takes beside its memory", () => {
    expect(lendingOf(BOX, RESERVE, [])).toEqual({
      architecture: "arm64",
      acceleration: "kvm",
      images: ["small"],
      load: 250,
      total: { cpus: 3, memoryMiB: 3_500 },
      lent: { cpus: 0, memoryMiB: 0, diskMiB: 0 },
      free: { cpus: 3, memoryMiB: 2_440, diskMiB: 2_440 },
      leases: 0,
      maxLeases: 4,
    });
  });

  test("counts what was promised as gone, used or not, and not twice", () => {
    const before = lendingOf(BOX, RESERVE, [lease()]);
    expect(before.free.memoryMiB).toBe(2_440 - 256 - 100 - 60);
    // It takes it all up: less is available, and what is left to lend is the same.
    const used = { ...BOX, memory: { ...BOX.memory, availableMiB: 3_000 - 416 } };
    const all = lease({ usedMemoryMiB: 316, usedDiskMiB: 100 });
    expect(lendingOf(used, RESERVE, [all]).free).toEqual(before.free);
  });

  test("does not lend more because one lease uses less than another was promised", () => {
    const odd = [lease({ usedMemoryMiB: 9_999 }), lease()];
    expect(lendingOf(BOX, RESERVE, odd).free.memoryMiB).toBe(2_440 - 416);
  });

  test("has its disks on a medium where there is one", () => {
    const medium = { ...BOX, freeMediumMiB: 10_000 };
    const on = lease({ diskInMemory: false, diskMiB: 4_000, usedDiskMiB: 1_000 });
    expect(lendingOf(medium, RESERVE, [on]).free).toEqual({
      cpus: 2,
      memoryMiB: 2_440 - 316,
      diskMiB: 10_000 - 100 - 3_000,
    });
    expect(lendingOf({ ...BOX, overlaysInMemory: false }, RESERVE, []).free.diskMiB).toBe(0);
  });

  test("is nothing when it has all leases that it takes, no processor or no image", () => {
    const none = { cpus: 0, memoryMiB: 0, diskMiB: 0 };
    expect(lendingOf(BOX, { ...RESERVE, maxLeases: 1 }, [lease()]).free).toEqual(none);
    expect(lendingOf(BOX, RESERVE, [lease({ cpus: 3 })]).free).toEqual(none);
    expect(lendingOf({ ...BOX, images: [] }, RESERVE, []).free).toEqual(none);
  });

  test("is never negative, and fits a box's record, whatever is measured", () => {
    const amount = fc.oneof(fc.nat(5_000), fc.constant(2 ** 30));
    const some = fc.option(amount, { nil: undefined });
    const box = fc.record({
      architecture: fc.constant("amd64"),
      acceleration: fc.constantFrom("kvm" as const, "emulation" as const),
      cpus: amount,
      memory: fc.record({ totalMiB: amount, availableMiB: amount, swapMiB: amount }),
      freeMediumMiB: amount,
      overlaysInMemory: fc.boolean(),
      images: fc.array(fc.constant("a"), { maxLength: 1 }),
      load: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    const reserve = fc.record({
      cpus: amount,
      memoryMiB: amount,
      diskMiB: amount,
      maxLeases: amount,
      overheadMiB: amount,
    });
    const leases = fc.array(
      fc.record({
        cpus: amount,
        memoryMiB: amount,
        diskMiB: amount,
        diskInMemory: fc.boolean(),
        usedMemoryMiB: some,
        usedDiskMiB: some,
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(box, reserve, leases, (box, reserve, leases) => {
        const lending = lendingOf(box, reserve, leases);
        for (const value of Object.values(lending.free))
          expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
        expect(lending.free.memoryMiB).toBeLessThanOrEqual(
          Math.max(0, box.memory.availableMiB - reserve.memoryMiB),
        );
        const record = forRecord(lending);
        if (!record) return;
        const most = {
          cpus: 4_096,
          memoryMiB: 2 ** 24,
          freeMemoryMiB: 2 ** 24,
          leases: 10_000,
          maxLeases: 10_000,
        };
        for (const [field, bound] of Object.entries(most)) {
          const value = record[field as keyof typeof record];
          expect(Number.isInteger(value) && value >= 0 && value <= bound).toBe(true);
        }
      }),
    );
  });
});

describe("what others are told", () => {
  test("has the record's fields and no others", () => {
    expect(forRecord(lendingOf(BOX, RESERVE, [lease()]))).toEqual({
      cpus: 3,
      memoryMiB: 3_500,
      freeMemoryMiB: 2_024,
      leases: 1,
      maxLeases: 4,
    });
  });

  test("is nothing when there is nothing to lend", () => {
    expect(forRecord(lendingOf({ ...BOX, images: [] }, RESERVE, []))).toBeUndefined();
    expect(forRecord(lendingOf(BOX, { ...RESERVE, maxLeases: 0 }, []))).toBeUndefined();
    expect(forRecord(lendingOf(BOX, { ...RESERVE, memoryMiB: 4_000 }, []))).toBeUndefined();
  });
});

test("the load is in thousandths of one core, of all cores", () => {
  expect(loadOf({ busyMs: 3_000, wholeMs: 4_000 }, 4)).toBe(3_000);
});

test("architectures have Debian's names", () => {
  expect(["x64", "arm64", "arm", "riscv64"].map((arch) => debianArchitecture(arch))).toEqual([
    "amd64",
    "arm64",
    "armhf",
    "riscv64",
  ]);
});
