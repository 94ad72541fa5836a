import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Paths, type PathsOptions } from "../../../../src/mesh/paths/paths.ts";
import type { Carrier, PathKind, PathOffer, PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";
import { deriveSessionKeys, type SessionShare } from "../../../../src/mesh/paths/session-keys.ts";

/** What a link does to datagrams. */
export interface LinkManners {
  delayMs: number;
  /** Up to so much more, each on its own: they overtake each other. */
  jitterMs: number;
  /** Shares, 0 to 1. */
  loss: number;
  duplication: number;
  kind: PathKind;
  metered: boolean;
  /** Kilobits a second that pass; what comes faster waits. */
  kbit: number;
  /** Longer datagrams vanish. */
  maxBytes: number;
}

const DEFAULT_MANNERS: LinkManners = {
  delayMs: 5,
  jitterMs: 2,
  loss: 0,
  duplication: 0,
  kind: "ethernet",
  metered: false,
  kbit: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
};

/** One link between boxes, with faults that a test makes. */
export class VirtualLink {
  readonly manners: LinkManners;
  isBlackHole = false;
  /** When what has been sent will have left. */
  freeAtMs = 0;
  /** Boxes whose datagrams get lost on this link, for faults in one direction. */
  readonly mute = new Set<string>();
  /** With the headers of IPv4 and UDP. */
  bytes = 0;
  datagrams = 0;

  constructor(
    readonly name: string,
    readonly number: number,
    manners: Partial<LinkManners>,
  ) {
    this.manners = { ...DEFAULT_MANNERS, ...manners };
  }
}

/** A box in the virtual network: its paths, its interfaces (one a link, called as the link is), what has reached it. */
export class VirtualBox {
  readonly downInterfaces = new Set<string>();
  readonly received: { from: string; channel: string; body: Uint8Array; atMs: number }[] = [];
  /** When a datagram was handed to a carrier that refused it. */
  refused = 0;
  readonly paths: Paths;
  /** Its event loop stands still until then. */
  private stalledUntilMs = 0;

  constructor(
    readonly network: VirtualNetwork,
    readonly name: string,
    readonly number: number,
    readonly links: readonly VirtualLink[],
    options: Partial<PathsOptions>,
  ) {
    const udp: Carrier = {
      send: (target, datagram) => network.carry(this, target, datagram),
      maxBytes: () => 1_232,
    };
    const lora: Carrier = {
      send: (target, datagram) => network.carryByLora(this, target, datagram),
      maxBytes: () => 200,
    };
    this.paths = new Paths({
      carriers: new Map([
        ["udp", udp],
        ["lora", lora],
      ]),
      timers: {
        monotonicMs: () => network.time.monotonicMs(),
        after: (delayMs, task) => this.after(delayMs, task),
      },
      random: network.random,
      ...options,
    });
    this.takeChannel("test");
  }

  takeChannel(channel: string): void {
    this.paths.handle(channel, (from, body) => {
      this.received.push({ from, channel, body, atMs: this.network.time.monotonicMs() });
    });
  }

  /** Its event loop stands still; then timers that are due come first, and what has come in is read afterwards. */
  stall(ms: number): void {
    this.stalledUntilMs = this.network.time.monotonicMs() + ms;
  }

  receive(from: PathTarget, datagram: Uint8Array, interfaceName: string): void {
    const waitMs = this.stalledUntilMs - this.network.time.monotonicMs();
    if (waitMs < 0) this.paths.receive(from, datagram, interfaceName);
    else this.network.time.after(waitMs + 0.1, () => this.receive(from, datagram, interfaceName));
  }

  private after(delayMs: number, task: () => void): () => void {
    let callOff = this.network.time.after(delayMs, () => {
      const waitMs = this.stalledUntilMs - this.network.time.monotonicMs();
      if (waitMs <= 0) task();
      else callOff = this.after(waitMs, task);
    });
    return () => callOff();
  }

  addressOn(link: VirtualLink): string {
    return `10.${link.number}.0.${this.number}`;
  }

  offerOf(link: VirtualLink): PathOffer {
    const { kind, metered } = link.manners;
    const endpoint = { address: this.addressOn(link), port: 7_000 };
    return { kind, target: { by: "udp", endpoint }, interface: link.name, cost: 0, metered };
  }
}

/** Boxes and links in virtual time. The same seed gives the same run. */
export class VirtualNetwork {
  readonly time = new VirtualTime();
  readonly random: () => number;
  readonly boxes: VirtualBox[] = [];
  readonly links: VirtualLink[] = [];
  loraBytes = 0;
  /** Takes a look at every datagram that leaves. */
  onDatagram: (from: VirtualBox, target: PathTarget, datagram: Uint8Array) => void = () => {};

  constructor(seed = 1) {
    this.random = seededRandom(seed);
  }

  link(name: string, manners: Partial<LinkManners> = {}): VirtualLink {
    const link = new VirtualLink(name, this.links.length + 1, manners);
    this.links.push(link);
    return link;
  }

  box(name: string, links: readonly VirtualLink[], options: Partial<PathsOptions> = {}): VirtualBox {
    const box = new VirtualBox(this, name, this.boxes.length + 1, links, options);
    this.boxes.push(box);
    return box;
  }

  /** Keys for both, for which the first asks, without offers of ways. */
  agree(a: VirtualBox, b: VirtualBox): void {
    const share = (box: VirtualBox): SessionShare => ({
      peer: box.name,
      index: box.paths.newIndex(),
      share: Uint8Array.from({ length: 32 }, () => Math.floor(this.random() * 256)),
    });
    const [ofA, ofB] = [share(a), share(b)];
    b.paths.addPeer(a.name, deriveSessionKeys(ofB, ofA), { asked: false });
    a.paths.addPeer(b.name, deriveSessionKeys(ofA, ofB), { asked: true });
  }

  /** Keys for both, and each link that both are on as a way. */
  introduce(a: VirtualBox, b: VirtualBox): void {
    this.agree(a, b);
    for (const link of a.links) {
      if (!b.links.includes(link)) continue;
      a.paths.offer(b.name, b.offerOf(link));
      b.paths.offer(a.name, a.offerOf(link));
    }
  }

  carry(from: VirtualBox, target: PathTarget, datagram: Uint8Array): void {
    this.onDatagram(from, target, datagram);
    if (target.by !== "udp") throw new Error("not by UDP");
    const [, linkNumber, , boxNumber] = target.endpoint.address.split(".").map(Number);
    const link = this.links.find(({ number }) => number === linkNumber);
    if (!link || !from.links.includes(link) || from.downInterfaces.has(link.name)) {
      from.refused += 1;
      throw new Error("ENETUNREACH");
    }
    link.bytes += datagram.length + 28;
    link.datagrams += 1;
    const to = this.boxes.find(({ number, links }) => number === boxNumber && links.includes(link));
    const { loss, duplication, delayMs, jitterMs, maxBytes } = link.manners;
    if (!to || datagram.length > maxBytes || link.isBlackHole || link.mute.has(from.name)) return;
    const nowMs = this.time.monotonicMs();
    link.freeAtMs = Math.max(link.freeAtMs, nowMs) + ((datagram.length + 28) * 8) / link.manners.kbit;
    const leavesInMs = link.freeAtMs - nowMs;
    const source: PathTarget = { by: "udp", endpoint: { address: from.addressOn(link), port: 7_000 } };
    for (let copies = this.random() < duplication ? 2 : 1; copies > 0; copies--) {
      if (this.random() < loss) continue;
      const copy = datagram.slice();
      this.time.after(leavesInMs + delayMs + this.random() * jitterMs, () => {
        if (to.downInterfaces.has(link.name) || link.isBlackHole) return;
        to.receive(source, copy, link.name);
      });
    }
  }

  carryByLora(from: VirtualBox, target: PathTarget, datagram: Uint8Array): void {
    this.onDatagram(from, target, datagram);
    if (target.by !== "lora" || datagram.length > 200) throw new Error("not by LoRa");
    this.loraBytes += datagram.length;
    const to = this.boxes.find(({ number }) => number === target.address);
    const copy = datagram.slice();
    this.time.after(4_000, () => to?.paths.receive({ by: "lora", address: from.number }, copy));
  }
}
