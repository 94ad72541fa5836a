import { expect, test } from "bun:test";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { LoadMeter } from "../../../src/mesh/load-meter.ts";

test("how busy the process is, is measured over a quarter of a minute, until it is stopped", async () => {
  const time = new VirtualTime();
  const meter = new LoadMeter(time);
  meter.start();
  expect(meter.thousandths).toBe(0);
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < 60_000) Math.sqrt(2);
  time.advance(15_000);
  await Promise.resolve();
  // 60 ms of a processor and a little, of 15 s.
  expect(meter.thousandths).toBeGreaterThanOrEqual(4);
  expect(meter.thousandths).toBeLessThan(1_000);
  await meter.stop();
  const { thousandths } = meter;
  time.advance(60_000);
  expect(meter.thousandths).toBe(thousandths);
});
