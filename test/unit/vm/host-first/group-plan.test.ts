import { describe, expect, test } from "bun:test";
import type { Controller, ControllerPlaces } from "../../../../src/vm/host-first/controller-places.ts";
import { isInForce, planGroup } from "../../../../src/vm/host-first/group-plan.ts";

const all = (version: 1 | 2, ...names: Controller[]): ControllerPlaces =>
  new Map(names.map((name) => [name, { version, mount: "/c" }]));
const files = (places: ControllerPlaces) =>
  planGroup(places, { memoryMaxMiB: 512, memoryHighMiB: 448 }).map(({ aim, ways }) => [
    aim,
    ...ways.map(({ file, value }) => `${file}=${value}`),
  ]);

describe("what is asked of the group of all virtual machines", () => {
  test("in version 2", () => {
    expect(files(all(2, "cpu", "memory", "io"))).toEqual([
      ["cpu", "cpu.idle=1", "cpu.weight=1"],
      ["memoryMax", "memory.max=536870912"],
      ["memoryHigh", "memory.high=469762048"],
      ["io", "io.weight=default 1", "io.bfq.weight=default 1"],
    ]);
  });

  test("in version 1, which slows nobody down for memory", () => {
    expect(files(all(1, "cpu", "memory", "blkio"))).toEqual([
      ["cpu", "cpu.idle=1", "cpu.shares=2"],
      ["memoryMax", "memory.limit_in_bytes=536870912"],
      ["memoryHigh"],
      ["io", "blkio.bfq.weight=1", "blkio.weight=10"],
    ]);
  });

  test("has no way where there is no controller", () => {
    expect(files(new Map())).toEqual([["cpu"], ["memoryMax"], ["memoryHigh"], ["io"]]);
  });

  test("leaves memory alone where none is limited", () => {
    const plan = planGroup(all(2, "memory"), { memoryMaxMiB: undefined, memoryHighMiB: undefined });
    expect(plan.map(({ aim }) => aim)).toEqual(["cpu", "io"]);
  });
});

describe("whether the kernel keeps to it", () => {
  const amount = { means: "", file: "memory.max", value: "1048577", isAmount: true };

  test.each([
    ["1048577\n", true],
    // Whole pages of 4, 16 or 64 KiB.
    ["1048576\n", true],
    ["983041\n", false],
    ["1048578\n", false],
    ["max\n", false],
    ["\n", false],
  ])("an amount that reads %j: %p", (read, holds) => {
    expect(isInForce(amount, read)).toBe(holds);
  });

  test.each([
    ["default 1\n", true],
    ["default 1\n8:16 200\n", true],
    ["1\n", true],
    ["default 100\n", false],
    ["default 10\n", false],
  ])("a weight that reads %j: %p", (read, holds) => {
    expect(isInForce({ means: "", file: "io.weight", value: "default 1" }, read)).toBe(holds);
  });
});
