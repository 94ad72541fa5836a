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

  test("costs 750 kB an hour on the chosen of two links and 110 kB on the other", () => {
    const network = new VirtualNetwork();
    const links = [network.link("wire"), network.link("air", { kind: "radio" })];
    network.introduce(network.box("a", links), network.box("b", links));
    const [chosen = 0, other = 0] = bytesAnHour(network);
    expect(chosen).toBeGreaterThan(600_000);
    expect(chosen).toBeLessThan(750_000);
    expect(other).toBeGreaterThan(60_000);
    expect(other).toBeLessThan(112_000);
  });

  test("watches its ways no closer for messages of the mesh's own upkeep", () => {
    const datagramsWith = (channel: string) => {
      const network = new VirtualNetwork();
      const links = [network.link("wire"), network.link("air", { kind: "radio" })];
      const upkeep = new Set(["ways"]);
      const [a, b] = [network.box("a", links, { upkeep }), network.box("b", links, { upkeep })];
      for (const box of [a, b]) box.paths.handle(channel, () => {});
      network.introduce(a, b);
      network.time.advance(60_000);
      const count = () => network.links.reduce((sum, { datagrams }) => sum + datagrams, 0);
      const before = count();
      a.paths.submit(b.name, channel, new Uint8Array(10), { urgency: "control" }, () => {});
      network.time.advance(9_000);
      return count() - before;
    };
    expect(datagramsWith("ways") * 2).toBeLessThan(datagramsWith("lab"));
  });

  test("costs 42 kB an hour on a metered link", () => {
    const network = new VirtualNetwork();
    const modem = network.link("modem", { kind: "internet", metered: true });
    network.introduce(network.box("a", [modem]), network.box("b", [modem]));
    const [bytes = 0] = bytesAnHour(network);
    expect(bytes).toBeLessThan(43_000);
  });

  test.each([
    { metered: true, first: 9_000, later: 1_400 },
    { metered: false, first: 14_000, later: 10_000 },
  ])(
    "and names five addresses each at which nobody answers, spends hardly anything on them (metered: $metered)",
    ({ metered, first, later }) => {
      const network = new VirtualNetwork();
      const modem = network.link("modem", { kind: "internet", metered });
      const [a, b] = [network.box("a", [modem]), network.box("b", [modem])];
      network.introduce(a, b);
      let bytes = 0;
      network.onDatagram = (_from, target, datagram) => {
        if (target.by === "udp" && target.endpoint.address.startsWith("10.1.9."))
          bytes += datagram.length + 28;
      };
      for (let i = 0; i < 5; i++) {
        const target = { by: "udp", endpoint: { address: `10.1.9.${100 + i}`, port: 4_600 } } as const;
        const offer = { kind: "punched", target, interface: "modem", cost: 0, metered } as const;
        a.paths.offer("b", offer);
        b.paths.offer("a", offer);
      }
      network.time.advance(60_000);
      const inFirstMinute = bytes;
      expect(inFirstMinute).toBeLessThan(10_000);
      network.time.advance(HOUR_MS);
      expect(bytes - inFirstMinute).toBeLessThan(first);
      const inFirstHour = bytes;
      network.time.advance(HOUR_MS);
      expect(bytes - inFirstHour).toBeLessThan(later);
    },
  );

  test("tries what never answered again once the peer is lost: it may have moved there", () => {
    const network = new VirtualNetwork();
    const [wire, other] = [network.link("wire"), network.link("other", { metered: true })];
    const [a, b] = [network.box("a", [wire, other]), network.box("b", [wire, other])];
    network.introduce(a, b);
    other.isBlackHole = true;
    a.paths.removePeer("b");
    b.paths.removePeer("a");
    network.introduce(a, b);
    network.time.advance(5 * HOUR_MS);
    wire.isBlackHole = true;
    other.isBlackHole = false;
    network.time.advance(30_000);
    expect(a.paths.isReachable("b")).toBe(true);
  });

  test("costs a metered link little while the peer is away", () => {
    const network = new VirtualNetwork();
    const modem = network.link("modem", { kind: "internet", metered: true });
    network.introduce(network.box("a", [modem]), network.box("b", [modem]));
    network.time.advance(60_000);
    modem.isBlackHole = true;
    const [bytes = 0] = bytesAnHour(network);
    expect(bytes).toBeLessThan(52_000);
    expect(bytesAnHour(network)[0]).toBeLessThan(9_000);
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
