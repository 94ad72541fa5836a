import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { type VirtualBox, type VirtualLink, VirtualNetwork } from "./virtual-network.ts";

const MINUTE_MS = 60_000;

/** One fault, or the end of one, at a link that the draw picks. */
function disturb(draw: () => number, links: readonly VirtualLink[], boxes: readonly VirtualBox[]): void {
  const link = links[Math.floor(draw() * links.length)];
  const box = boxes[Math.floor(draw() * boxes.length)];
  if (!link || !box) return;
  const kinds: (() => void)[] = [
    () => {
      link.isBlackHole = true;
    },
    () => {
      link.manners.loss = draw() * 0.6;
    },
    () => {
      link.manners.duplication = draw();
    },
    () => {
      link.manners.jitterMs = draw() * 300;
    },
    () => {
      link.manners.delayMs = draw() * 400;
    },
    () => link.mute.add(box.name),
    () => {
      box.downInterfaces.add(link.name);
      if (draw() < 0.7) box.paths.interfaceDown(link.name);
    },
    () => mend(link, boxes),
    () => mend(link, boxes),
    () => mend(link, boxes),
  ];
  kinds[Math.floor(draw() * kinds.length)]?.();
}

function mend(link: VirtualLink, boxes: readonly VirtualBox[]): void {
  link.isBlackHole = false;
  link.mute.clear();
  Object.assign(link.manners, { loss: 0, duplication: 0, jitterMs: 2, delayMs: 5 });
  for (const { downInterfaces, paths } of boxes) {
    if (!downInterfaces.delete(link.name)) continue;
    paths.interfaceUp(link.name);
  }
}

describe("through two minutes of random faults", () => {
  test.each(Array.from({ length: 100 }, (_, seed) => seed))(
    "each message arrives once or its sender is told, and in the end all is well (script %d)",
    (seed) => {
      const draw = seededRandom(1_000 + seed);
      const network = new VirtualNetwork(seed);
      const links = [
        network.link("wire"),
        network.link("air", { kind: "radio" }),
        network.link("modem", { kind: "internet", metered: true, delayMs: 40, jitterMs: 20 }),
      ];
      const [a, b] = [network.box("a", links), network.box("b", links.slice(0, 2 + (seed % 2)))];
      network.introduce(a, b);
      const messages = [
        new SteadyMessages(network, a, b, "a to b", 200, 5_000),
        new SteadyMessages(network, b, a, "b to a", 200, 5_000),
      ];
      for (let untilMs = 0; untilMs < 2 * MINUTE_MS; ) {
        const waitMs = 200 + draw() * 5_000;
        network.time.advance(waitMs);
        untilMs += waitMs;
        disturb(draw, links, [a, b]);
        // New keys now and then, while messages are on their way.
        if (draw() < 0.1) network.agree(a, b);
      }
      for (const link of links) mend(link, [a, b]);
      network.time.advance(15_000);
      const mendedMs = network.time.monotonicMs();
      network.time.advance(10_000);
      for (const one of messages) expect(one.longestMs(mendedMs)).toBeLessThan(1_000);
      for (const one of messages) one.stop();
      network.time.advance(10_000);
      for (const one of messages) expect(one.broken).toEqual([]);
      expect(a.paths.stats().waiting + b.paths.stats().waiting).toBe(0);
      expect(a.paths.stats().dropped.forged).toBe(0);
    },
  );
});
