import { describe, expect, test } from "bun:test";
import { defaultConfig, parseConfig } from "../../../../src/config/index.ts";
import { DEFAULT_POLICY } from "../../../../src/mesh/paths/path-choice.ts";
import { costOf } from "../../../../src/mesh/paths/path-cost.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const costs = (toml: string) => parseConfig(toml).mesh.ways.costs;
const entry = (line: string) => `[[mesh.ways.costs]]\n${line}\n`;

describe("what a way costs", () => {
  test("is what the first entry says that fits its kind and its interface", () => {
    const all = costs(
      entry('interface = "wwan0"\nper_mb = 5') +
        entry('interface = "wwan*"\nper_mb = 2') +
        entry('kind = "relay"\nper_mb = 1'),
    );
    expect(costOf({ kind: "internet", interface: "wwan0" }, all)).toBe(5);
    expect(costOf({ kind: "ethernet", interface: "wwan1" }, all)).toBe(2);
    expect(costOf({ kind: "relay" }, all)).toBe(1);
    expect(costOf({ kind: "stream" }, all)).toBe(0);
    expect(costOf({ kind: "internet", interface: "eth0" }, all)).toBe(0);
  });

  test("holds for every way where the entry names none, and by interface only where that is known", () => {
    expect(costOf({ kind: "lora" }, costs(entry("per_mb = 7")))).toBe(7);
    expect(costOf({ kind: "stream" }, costs(entry('interface = "w*"\nper_mb = 7')))).toBe(0);
  });

  test.each(["", "a/b", "*0", "wwan**", "sixteen-letters-1"])(
    "is said of no interface that is called %p",
    (name) => {
      expect(() => costs(entry(`interface = "${name}"\nper_mb = 1`))).toThrow("interface");
    },
  );

  test("moves control traffic to a way that costs less, and is shown", () => {
    const network = new VirtualNetwork(1);
    const [wire, air] = [network.link("wire"), network.link("air", { kind: "radio", delayMs: 8 })];
    const dear = network.box("dear", [wire, air], {
      costs: costs(entry('interface = "wire"\nper_mb = 10')),
    });
    const free = network.box("free", [wire, air]);
    network.introduce(dear, free);
    network.time.advance(10_000);
    const waysOf = (box: typeof dear, to: string) =>
      box.paths.status(to).map(({ kind, cost, chosen }) => ({ kind, cost, chosen }));
    expect(waysOf(dear, "free")).toContainEqual({ kind: "radio", cost: 0, chosen: true });
    expect(waysOf(dear, "free")).toContainEqual({ kind: "ethernet", cost: 10, chosen: false });
    expect(waysOf(free, "dear")).toContainEqual({ kind: "ethernet", cost: 0, chosen: true });
  });
});

test("the operator's weights are by default those of the choice itself", () => {
  const { costs: none, ...weights } = defaultConfig().mesh.ways;
  expect(weights).toEqual(DEFAULT_POLICY.weights);
  expect(none).toEqual([]);
});
