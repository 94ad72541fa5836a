import { describe, expect, test } from "bun:test";
import type { PathStatus } from "../../../../src/mesh/paths/paths-interface.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { type VirtualBox, VirtualNetwork } from "./virtual-network.ts";

/** Two boxes with a wire and a radio link between them, and a message every 50 ms in both directions. */
function dualHomed(seed = 1) {
  const network = new VirtualNetwork(seed);
  const wire = network.link("wire");
  const air = network.link("air", { kind: "radio", delayMs: 8, jitterMs: 6 });
  const [a, b] = [network.box("a", [wire, air]), network.box("b", [wire, air])];
  network.introduce(a, b);
  const messages = [new SteadyMessages(network, a, b, "a to b"), new SteadyMessages(network, b, a, "b to a")];
  network.time.advance(10_000);
  return { network, wire, air, a, b, messages };
}

const chosen = (of: VirtualBox, to: VirtualBox): PathStatus | undefined =>
  of.paths.status(to.name).find((path) => path.chosen);
const longest = (messages: readonly SteadyMessages[], sinceMs = 0): number =>
  Math.max(...messages.map((one) => one.longestMs(sinceMs)));

/** Lets the messages come to their end. @returns those that arrived twice, or not without a word */
function broken(network: VirtualNetwork, messages: readonly SteadyMessages[]): number {
  for (const one of messages) one.stop();
  network.time.advance(20_000);
  return messages.reduce((sum, one) => sum + one.broken.length, 0);
}

describe("a pair of boxes with two links", () => {
  test("takes the preferred one, and every message arrives at once", () => {
    const { network, a, b, messages } = dualHomed();
    expect(chosen(a, b)?.kind).toBe("ethernet");
    expect(chosen(b, a)?.kind).toBe("ethernet");
    expect(longest(messages, 1_000)).toBeLessThan(10);
    expect(broken(network, messages)).toBe(0);
  });

  test("loses no time when an interface reports that it is gone", () => {
    const { network, a, b, messages } = dualHomed();
    const sinceMs = network.time.monotonicMs() - 100;
    a.downInterfaces.add("wire");
    a.paths.interfaceDown("wire");
    expect(chosen(a, b)?.kind).toBe("radio");
    network.time.advance(5_000);
    expect(longest(messages, sinceMs)).toBeLessThan(300);
    expect(chosen(b, a)?.kind).toBe("radio");
    expect(broken(network, messages)).toBe(0);
  });

  test("notices a black hole by itself, and messages hardly wait", () => {
    const { network, wire, a, b, messages } = dualHomed();
    const sinceMs = network.time.monotonicMs();
    wire.isBlackHole = true;
    network.time.advance(1_300);
    expect(chosen(a, b)?.kind).toBe("radio");
    expect(chosen(b, a)?.kind).toBe("radio");
    network.time.advance(4_000);
    expect(longest(messages, sinceMs - 100)).toBeLessThan(300);
    expect(broken(network, messages)).toBe(0);
  });
});
