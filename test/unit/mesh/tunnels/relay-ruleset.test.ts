import { describe, expect, test } from "bun:test";
import type { NftCommand } from "../../../../src/host/nft.ts";
import { type PlannedFlow, RELAY_MARK, relayRuleset } from "../../../../src/mesh/tunnels/relay-ruleset.ts";

const none = { packets: 0, bytes: 0 };
const end = (address: string, port: number) => ({ remote: { address, port }, local: "198.51.100.9" });
const waiting: PlannedFlow = {
  ...{ slot: 0, family: 4, ports: { a: 40_001, b: 40_002 } },
  counted: { a: none, b: none },
};
const carried: PlannedFlow = {
  ...{ slot: 3, family: 4, ports: { a: 40_003, b: 40_004 } },
  ends: { a: end("192.0.2.1", 11), b: end("192.0.2.2", 22) },
  counted: { a: { packets: 7, bytes: 700 }, b: none },
};
const quotas = { kbitEach: 8_192, kbitTotal: 81_920 };

/** The expressions of a chain's rules, as text. */
const rulesOf = (commands: readonly NftCommand[], chain: string): string[] =>
  commands.flatMap((command) => {
    const { rule } = (command.add ?? {}) as { rule?: { chain: string; expr: unknown } };
    return rule?.chain === chain ? [JSON.stringify(rule.expr)] : [];
  });

describe("The rules of a relay", () => {
  test("forward nothing of a flow whose ends are not known", () => {
    const commands = relayRuleset("t", [waiting], quotas, []);
    for (const rule of rulesOf(commands, "in_f0a")) expect(rule).not.toContain("mangle");
    expect(rulesOf(commands, "leaving")).toEqual([]);
  });

  test("turn data of each known end around to the other, from the relay's own port", () => {
    const commands = relayRuleset("t", [carried], quotas, []);
    const inward = rulesOf(commands, "in_f3a").find((rule) => rule.includes("mangle")) ?? "";
    for (const part of [
      '"192.0.2.1"',
      '"right":11',
      '"value":"192.0.2.2"',
      '"value":22',
      "notrack",
      "67108864",
    ]) {
      expect(inward).toContain(part);
    }
    const [outward = ""] = rulesOf(commands, "out_f3a");
    for (const part of ['"saddr"', '"198.51.100.9"', '"sport"', "40004"]) expect(outward).toContain(part);
    expect(rulesOf(commands, "out_f3b").join()).toContain("40003");
  });

  test("let the kernel decide about data only: handshakes of a known end go up to the relay", () => {
    const commands = relayRuleset("t", [carried], quotas, []);
    for (const rule of rulesOf(commands, "in_f3a")) {
      if (rule.includes("16777216")) expect(rule).not.toContain("mangle");
    }
  });

  test("hold each way to its quota in kbytes of 1,024, all to the total, and count on from before", () => {
    const commands = relayRuleset("t", [carried], quotas, []);
    expect(rulesOf(commands, "in_f3a")[0]).toContain('"rate":1000,"per":"second","rate_unit":"kbytes"');
    expect(rulesOf(commands, "total")[0]).toContain('"rate":10000,');
    expect(commands).toContainEqual({
      add: { counter: { family: "inet", table: "t", name: "f3a", packets: 7, bytes: 700 } },
    });
  });

  test("mark each way of each flow with a number of its own", () => {
    const [text = ""] = rulesOf(relayRuleset("t", [carried, waiting], quotas, []), "leaving");
    expect(text).toContain(`[${RELAY_MARK + 6},`);
    expect(text).toContain(`[${RELAY_MARK + 7},`);
  });

  test("let nothing else be forwarded from interfaces that were opened for the relay alone", () => {
    const commands = relayRuleset("t", [waiting], quotas, ["eth0"]);
    const [first, second] = rulesOf(commands, "forward");
    expect(first).toContain('"accept"');
    expect(second).toContain('"@opened"');
    expect(second).toContain('"drop"');
    expect(JSON.stringify(commands)).toContain('"type":"ifname","elem":["eth0"]');
  });
});
