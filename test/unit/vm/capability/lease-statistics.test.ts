import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  parseBlkio,
  parseCount,
  parseCpuStat,
  parseIoStat,
  readLeaseUsage,
} from "../../../../src/vm/capability/lease-statistics.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const CPU_STAT = "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\nnr_periods 0\n";
const IO_STAT =
  "8:0 rbytes=90112 wbytes=4096 rios=9 wios=1 dbytes=0 dios=0\n179:0 rbytes=8 wbytes=16 rios=1 wios=1 dbytes=0 dios=0\n";
const BLKIO =
  "8:0 Read 90112\n8:0 Write 4096\n8:0 Sync 94208\n8:0 Total 94208\n7:0 Read 8\n7:0 Write 16\nTotal 94232\n";

function group(files: Record<string, string>): string {
  const folder = scratch();
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe("what a lease has used", () => {
  test("by version 2", () => {
    const folder = group({
      "cpu.stat": CPU_STAT,
      "memory.current": "1048576\n",
      "memory.peak": "2097152\n",
      "io.stat": IO_STAT,
    });
    expect(readLeaseUsage((name) => (name === "cpuacct" || name === "blkio" ? undefined : folder))).toEqual({
      cpuUs: 1_234_567,
      memoryBytes: 1_048_576,
      peakMemoryBytes: 2_097_152,
      readBytes: 90_120,
      writtenBytes: 4_112,
    });
  });

  test("by version 1, whose cpu.stat says something else", () => {
    const folder = group({
      "cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
      "cpuacct.usage": "1234567890\n",
      "memory.usage_in_bytes": "1048576\n",
      "memory.max_usage_in_bytes": "2097152\n",
      "blkio.throttle.io_service_bytes_recursive": BLKIO,
    });
    expect(readLeaseUsage((name) => (name === "io" ? undefined : folder))).toEqual({
      cpuUs: 1_234_567,
      memoryBytes: 1_048_576,
      peakMemoryBytes: 2_097_152,
      readBytes: 90_120,
      writtenBytes: 4_112,
    });
  });

  test("is not told where the kernel does not count, or the lease is gone", () => {
    const nothing = {
      cpuUs: undefined,
      memoryBytes: undefined,
      peakMemoryBytes: undefined,
      readBytes: undefined,
      writtenBytes: undefined,
    };
    expect(readLeaseUsage(() => undefined)).toEqual(nothing);
    expect(readLeaseUsage(() => "/nowhere")).toEqual(nothing);
  });

  test("is nothing of media as long as nothing was read or written", () => {
    expect(parseIoStat("")).toEqual({ readBytes: 0, writtenBytes: 0 });
    expect(parseBlkio("Total 0\n")).toEqual({ readBytes: 0, writtenBytes: 0 });
    // A device that another kernel has told nothing of.
    expect(parseIoStat("8:0 \n")).toEqual({ readBytes: 0, writtenBytes: 0 });
  });

  test("is a number or nothing, whatever the files hold", () => {
    const bent = (text: string) =>
      fc
        .tuple(fc.nat(text.length), fc.string())
        .map(([at, more]) => text.slice(0, at) + more + text.slice(at));
    const isCount = (value: number | undefined) =>
      value === undefined || (Number.isFinite(value) && value >= 0);
    fc.assert(
      fc.property(bent(CPU_STAT), bent(IO_STAT), bent(BLKIO), fc.string(), (cpu, io, blkio, count) => {
        const found = [
          parseCpuStat(cpu),
          parseCount(count),
          ...Object.values(parseIoStat(io)),
          ...Object.values(parseBlkio(blkio)),
        ];
        expect(found.every(isCount)).toBe(true);
      }),
    );
    expect(parseCount("max\n")).toBeUndefined();
    expect(parseCount("-1")).toBeUndefined();
  });
});
