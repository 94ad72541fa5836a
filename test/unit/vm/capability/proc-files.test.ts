import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { MemoryInfoError, parseMemoryInfo } from "../../../../src/vm/capability/memory-info.ts";
import {
  ProcessorTimeError,
  parseProcessorTime,
  processorBetween,
} from "../../../../src/vm/capability/processor-time.ts";

/** Beginning of what a Raspberry Pi 4 with Debian 12 has. */
const MEMINFO = `MemTotal:        3885452 kB
MemFree:         2518160 kB
MemAvailable:    3383392 kB
SwapCached:            0 kB
SwapTotal:        102396 kB
`;
const STAT = `cpu  3590013 1000308 708897 2868720 11005 0 37604 2661 700 0
cpu0 1802811 487974 346795 1451660 2584 0 16287 1357 0 0
`;

describe("/proc/meminfo", () => {
  test("gives what there is, what is available and swap", () => {
    expect(parseMemoryInfo(MEMINFO)).toEqual({ totalMiB: 3_794, availableMiB: 3_304, swapMiB: 99 });
  });

  test("of this machine can be read", () => {
    const { totalMiB, availableMiB } = parseMemoryInfo(readFileSync("/proc/meminfo", "utf8"));
    expect(availableMiB).toBeGreaterThan(0);
    expect(totalMiB).toBeGreaterThanOrEqual(availableMiB);
  });

  test("without a field says which", () => {
    expect(() => parseMemoryInfo(MEMINFO.replace("MemAvailable", "MemOther"))).toThrow(
      "meminfo.MemAvailable",
    );
    expect(() => parseMemoryInfo(MEMINFO.replace("3885452 kB", "3885452 pages"))).toThrow("meminfo.MemTotal");
  });

  test("of any text gives numbers or an error of its own", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(MEMINFO.length), (text, at) => {
        try {
          parseMemoryInfo(MEMINFO.slice(0, at) + text + MEMINFO.slice(at));
        } catch (error) {
          expect(error).toBeInstanceOf(MemoryInfoError);
        }
      }),
    );
  });
});

describe("/proc/stat", () => {
  test("gives what all cores did, without what another machine had", () => {
    expect(parseProcessorTime(STAT)).toEqual({
      busyTicks: 3_590_013 + 1_000_308 + 708_897 + 37_604,
      idleTicks: 2_868_720 + 11_005,
    });
  });

  test("of this machine can be read", () => {
    expect(parseProcessorTime(readFileSync("/proc/stat", "utf8")).busyTicks).toBeGreaterThan(0);
  });

  test.each(["", "cpu\n", "cpu0 1 2 3 4\n", "cpu  1 2 x 4\n", "intr 1\n"])("refuses %j", (text) => {
    expect(() => parseProcessorTime(text)).toThrow(ProcessorTimeError);
  });

  test("tells how busy the time between two readings was", () => {
    const at = (busyTicks: number, idleTicks: number) => ({ busyTicks, idleTicks });
    expect(processorBetween(at(100, 100), at(150, 200))).toEqual({ busyMs: 500, wholeMs: 1_500 });
    expect(processorBetween(at(100, 100), at(100, 100))).toBeUndefined();
    expect(processorBetween(at(100, 100), at(50, 100))).toBeUndefined();
    // The wait for media may be counted back.
    expect(processorBetween(at(100, 100), at(110, 99))).toEqual({ busyMs: 100, wholeMs: 100 });
  });
});
