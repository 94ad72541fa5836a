import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HostReadings, readPressure, stalls } from "../../../../src/vm/host-first/host-readings.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const text = (ms: number) => {
  const averages = "avg10=0.00 avg60=0.00 avg300=0.00";
  return `some ${averages} total=${ms * 1_000}\nfull ${averages} total=0\n`;
};
const SENSORS = { temperatureC: 40, throttled: false, power: "mains" as const };
const MEMORY = "MemTotal: 2048 kB\nMemAvailable:    1024 kB\nSwapTotal: 0 kB\n";

function machine() {
  const [pressure, groups] = [scratch(), scratch()];
  const put = (folder: string, cpu: number, memory: number, io: number, suffix = "") => {
    mkdirSync(folder, { recursive: true });
    for (const [name, ms] of Object.entries({ cpu, memory, io }))
      writeFileSync(join(folder, name + suffix), text(ms));
  };
  return {
    whole: (cpu: number, memory: number, io: number) => put(pressure, cpu, memory, io),
    group: (name: string, cpu: number, memory: number, io: number) =>
      put(join(groups, name), cpu, memory, io, ".pressure"),
    read: (hasGroups: boolean) => readPressure(hasGroups ? groups : undefined, "vms.partition", pressure),
  };
}

describe("how much the box's own work waits", () => {
  test("is that of the groups beside the virtual machines', the one that waits most", () => {
    const { group, whole, read } = machine();
    whole(0, 0, 0);
    for (const name of ["system.slice", "user.slice", "vms.partition"]) group(name, 0, 0, 0);
    const before = read(true);
    whole(1_000, 1_000, 1_000);
    group("vms.partition", 1_000, 1_000, 1_000);
    group("system.slice", 100, 200, 0);
    group("user.slice", 50, 300, 0);
    expect(stalls(before, read(true), 1_000)).toEqual({ cpuStall: 0.1, memoryStall: 0.3, ioStall: 0 });
  });

  test("is the whole machine's where there are no such groups, but for the processor, for which virtual machines wait all the time", () => {
    const { group, whole, read } = machine();
    group("vms.partition", 0, 0, 0);
    whole(0, 0, 0);
    const before = read(true);
    whole(1_000, 500, 250);
    const expected = { cpuStall: undefined, memoryStall: 0.5, ioStall: 0.25 };
    expect(stalls(before, read(true), 1_000)).toEqual(expected);
    expect(stalls(before, read(false), 1_000)).toEqual(expected);
  });

  test("leaves out a group that has come or gone meanwhile", () => {
    const { group, read } = machine();
    group("system.slice", 0, 0, 0);
    const before = read(true);
    group("system.slice", 100, 100, 100);
    group("new.slice", 900_000, 900_000, 900_000);
    expect(stalls(before, read(true), 1_000).cpuStall).toBe(0.1);
  });

  test("cannot be told by a kernel without PSI", () => {
    const read = () => readPressure(undefined, "vms", "/nowhere");
    expect(stalls(read(), read(), 1_000)).toEqual({
      cpuStall: undefined,
      memoryStall: undefined,
      ioStall: undefined,
    });
  });
});

describe("readings", () => {
  test("are against the one before, and so the first has nothing of it", () => {
    const { whole, read } = machine();
    const readings = new HostReadings({
      pressure: () => read(false),
      memoryInfo: () => MEMORY,
      sensors: () => SENSORS,
    });
    whole(0, 0, 0);
    const first = readings.next(5_000);
    expect(first).toEqual({
      ...SENSORS,
      atMs: 5_000,
      cpuStall: undefined,
      cpuStallLately: undefined,
      memoryStall: undefined,
      ioStall: undefined,
      availableMemoryMiB: 1,
    });
    whole(0, 600, 0);
    expect(readings.next(7_000)).toMatchObject({ memoryStall: 0.3, ioStall: 0 });
    expect(readings.next(9_000)).toMatchObject({ memoryStall: 0 });
  });

  test("have beside it what the processor's work has waited over the last seconds, in which a spurt is little", () => {
    const { group, read } = machine();
    const readings = new HostReadings({
      pressure: () => read(true),
      memoryInfo: () => MEMORY,
      sensors: () => SENSORS,
    });
    const lately: (number | undefined)[] = [];
    let waited = 0;
    for (let second = 0; second <= 20; second += 1) {
      // Half a second of every fourth, as long as it is new; then nothing.
      if (second % 4 === 0 && second <= 12) waited += 500;
      group("system.slice", waited, 0, 0);
      const { cpuStall, cpuStallLately } = readings.next(second * 1_000);
      if (second > 0 && second % 4 === 0 && second <= 12) expect(cpuStall).toBe(0.5);
      lately.push(cpuStallLately);
    }
    expect([lately[0], lately[1], lately[8], lately[12]]).toEqual([undefined, 0, 0.125, 0.125]);
    expect([lately[16], lately[20]]).toEqual([0.0625, 0]);
  });
});
