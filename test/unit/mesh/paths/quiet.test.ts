import { describe, expect, test } from "bun:test";
import { SteadyMessages } from "./steady-messages.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const HOUR_MS = 3_600_000;

/** Bytes an hour on each link, both directions, with the headers of UDP and IPv4, once the pair has settled. */
function bytesAnHour(network: VirtualNetwork): number[] {
  network.time.advance(60_000);
  const before = network.links.map(({ bytes }) => bytes);
  network.time.advance(HOUR_MS);
  return network.links.map(({ bytes }, i) => bytes - (before[i] ?? 0));
}

describe("a pair that has nothing to say", () => {
  test("costs 110 kB an hour on its only link", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    network.introduce(network.box("a", [wire]), network.box("b", [wire]));
    const [bytes = 0] = bytesAnHour(network);
    expect(bytes).toBeGreaterThan(60_000);
    expect(bytes).toBeLessThan(112_000);
  });

  test("costs 750 kB an hour on the chosen of two links and 250 kB on the other", () => {
    const network = new VirtualNetwork();
    const links = [network.link("wire"), network.link("air", { kind: "radio" })];
    network.introduce(network.box("a", links), network.box("b", links));
    const [chosen = 0, other = 0] = bytesAnHour(network);
    expect(chosen).toBeGreaterThan(600_000);
    expect(chosen).toBeLessThan(750_000);
    expect(other).toBeGreaterThan(150_000);
    expect(other).toBeLessThan(255_000);
  });

  test("costs 42 kB an hour on a metered link", () => {
    const network = new VirtualNetwork();
    const modem = network.link("modem", { kind: "internet", metered: true });
    network.introduce(network.box("a", [modem]), network.box("b", [modem]));
    const [bytes = 0] = bytesAnHour(network);
    expect(bytes).toBeLessThan(43_000);
  });

  test("sends nothing by LoRa while another way works, and hardly anything when none does", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    network.time.advance(1_000);
    a.paths.offer("b", { kind: "lora", target: { by: "lora", address: b.number }, cost: 0, metered: true });
    b.paths.offer("a", { kind: "lora", target: { by: "lora", address: a.number }, cost: 0, metered: true });
    network.time.advance(HOUR_MS);
    expect(network.loraBytes).toBe(0);
    wire.isBlackHole = true;
    network.time.advance(HOUR_MS);
    expect(network.loraBytes).toBeLessThan(700);
  });
});

describe("LoRa as the last resort", () => {
  test("carries a message in parts when every other way is dead, and is left as soon as one is back", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    a.paths.offer("b", { kind: "lora", target: { by: "lora", address: b.number }, cost: 0, metered: true });
    network.time.advance(5_000);
    wire.isBlackHole = true;
    network.time.advance(5_000);
    const body = Uint8Array.from({ length: 500 }, (_, i) => i & 255);
    let outcome = "";
    a.paths.submit("b", "test", body, { urgency: "sos", timeoutMs: 120_000 }, (error) => {
      outcome = error?.reason ?? "there";
    });
    network.time.advance(15_000);
    expect(b.received.map((one) => one.body)).toEqual([body]);
    expect(outcome).toBe("there");
    expect(a.paths.status("b").find(({ chosen }) => chosen)?.kind).toBe("lora");
    // Four parts, an answer, and a proof or two.
    expect(network.loraBytes).toBeLessThan(1_100);
    wire.isBlackHole = false;
    network.time.advance(3_000);
    expect(a.paths.status("b").find(({ chosen }) => chosen)?.kind).toBe("ethernet");
    const spent = network.loraBytes;
    const messages = new SteadyMessages(network, a, b, "a to b");
    network.time.advance(60_000);
    expect(network.loraBytes).toBe(spent);
    expect(messages.longestMs()).toBeLessThan(100);
  });
});
