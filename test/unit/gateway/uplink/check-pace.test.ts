import { expect, test } from "bun:test";
import { checkAfterMs } from "../../../../src/gateway/uplink/check-pace.ts";
import { newHealth, type UplinkState } from "../../../../src/gateway/uplink/uplink-health.ts";

const afterS = (state: UplinkState, inUse: boolean, metered: boolean, fails = 0) =>
  checkAfterMs({ ...newHealth(0), state, fails }, inUse, metered, 10_000) / 1_000;

test("an uplink is checked more often while it is in use or not well, seldom where it is paid for, and at once in doubt", () => {
  expect([afterS("online", true, false), afterS("online", false, false)]).toEqual([10, 30]);
  for (const state of ["no-names", "associated", "captive", "router-silent"] as const)
    expect(afterS(state, false, false)).toBe(10);
  expect([afterS("online", true, true), afterS("online", false, true)]).toEqual([30, 100]);
  for (const metered of [false, true]) expect(afterS("online", true, metered, 1)).toBe(0.5);
  expect(afterS("checking", false, false)).toBe(2);
});
