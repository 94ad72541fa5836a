import { expect, test } from "bun:test";
import type { Offence } from "../../../../src/vm/egress/index.ts";
import {
  cutOn,
  DEFAULT_PUNISHMENT,
  type PunishmentPolicy,
  punish,
  type RogueEvent,
} from "../../../../src/vm/watch/index.ts";

const event = (atMs: number, packets = 1, offence: Offence = "destination"): RogueEvent => ({
  lease: "lease",
  kind: "rogue",
  offence,
  evidence: undefined,
  packets,
  atMs,
});
const POLICY: PunishmentPolicy = {
  usually: "log",
  offences: { source: "suspend" },
  escalation: [
    { packets: 5, withinS: 10, to: "cut" },
    { packets: 10, withinS: 10, to: "destroy" },
  ],
};

test("a single attempt brings what is usual", () => {
  expect(punish(POLICY, [], event(0))).toBe("log");
});

test("an offence may have its own punishment", () => {
  expect(punish(POLICY, [], event(0, 1, "source"))).toBe("suspend");
});

test("who goes on is punished harder, in steps", () => {
  const history = [event(1_000, 2), event(2_000, 2)];
  expect(punish(POLICY, history, event(3_000))).toBe("cut");
  expect(punish(POLICY, [...history, event(3_000, 5)], event(4_000))).toBe("destroy");
});

test("one event of many packets is as bad as many of one", () => {
  expect(punish(POLICY, [], event(0, 10))).toBe("destroy");
});

test("what is long ago no longer counts", () => {
  expect(punish(POLICY, [event(0, 4)], event(11_000))).toBe("log");
});

test("escalation never makes a punishment milder", () => {
  expect(punish(POLICY, [event(0, 4, "source")], event(1_000, 1, "source"))).toBe("suspend");
});

test("the kernel cuts off at once for what is worth more than a note", () => {
  expect(cutOn(POLICY)).toEqual(["source"]);
  expect(cutOn({ ...POLICY, usually: "cut", offences: { flood: "log" } })).not.toContain("flood");
  expect(cutOn(DEFAULT_PUNISHMENT)).toEqual(["mac", "source"]);
});
