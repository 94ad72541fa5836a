import { describe, expect, test } from "bun:test";
import { canLimitMemory } from "../../../../src/vm/libvirt/memory-limit.ts";

describe("whether libvirt can hold a machine to its memory", () => {
  test.each([
    ["000001ffffffffff", true],
    // Bit 24 is off: a container whose root may not raise limits.
    ["000001fffeffffff", false],
    ["0000000001000000", true],
    ["0000000000000000", false],
  ])("follows from its capabilities: %s", (effective, expected) => {
    expect(canLimitMemory(`Name:\tlibvirtd\nCapPrm:\t0000000001000000\nCapEff:\t${effective}\n`)).toBe(
      expected,
    );
  });

  test("is no where nothing is known", () => {
    expect(canLimitMemory("")).toBe(false);
  });
});
