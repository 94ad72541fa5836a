import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import type { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { LocalInterface, LocalSighting } from "../../../../src/mesh/discovery/discovery-interface.ts";
import { LocalDiscovery } from "../../../../src/mesh/discovery/local-discovery.ts";
import type { LocalNetwork } from "../../../../src/mesh/discovery/local-network.ts";
import type { decodeMdns } from "../../../../src/mesh/discovery/mdns-message.ts";
import type { MulticastHandlers, OpenMulticast } from "../../../../src/mesh/discovery/multicast-socket.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { capturedLog } from "../../captured-log.ts";

export interface Frame {
  atMs: number;
  family: 4 | 6;
  from: string;
  bytes: Uint8Array;
}

interface Ear {
  family: 4 | 6;
  from: string;
  link: string;
  handlers: MulticastHandlers;
}

/** Links without cables: whoever sends is heard at once by all who are on the link, itself included, as Linux does it. */
export class VirtualLinks {
  readonly frames: Frame[] = [];
  private readonly ears = new Set<Ear>();
  /** Sockets that are asked for fail while this is set. */
  failure: Error | undefined;

  constructor(readonly time: VirtualTime) {}

  /** @param cables which link each interface of a box is plugged into */
  opener(linkLocal: string, cables: Readonly<Record<string, string>>): OpenMulticast {
    return (family, { interface: name, address }, handlers) => {
      const link = cables[name] ?? "nowhere";
      const from = family === 4 ? address : `${linkLocal}%${name}`;
      const ear: Ear = { family, from, link, handlers };
      if (this.failure) {
        const { failure } = this;
        this.time.after(0, () => handlers.failed(failure));
      }
      this.ears.add(ear);
      return {
        send: async (bytes) => this.deliver(ear, bytes),
        close: () => void this.ears.delete(ear),
      };
    };
  }

  /** Somebody on the link who is no box. */
  inject(link: string, family: 4 | 6, from: string, bytes: Uint8Array, port = 5353): void {
    for (const ear of [...this.ears]) {
      if (ear.link !== link || ear.family !== family) continue;
      const zone = /%(.*)$/.exec(ear.from)?.[1];
      const address = zone === undefined ? from : `${from.split("%")[0]}%${zone}`;
      ear.handlers.message(bytes, { address, port });
    }
  }

  private deliver(sender: Ear, bytes: Uint8Array): void {
    this.frames.push({ atMs: this.time.monotonicMs(), family: sender.family, from: sender.from, bytes });
    this.inject(sender.link, sender.family, sender.from, bytes);
  }
}

export const publicKey = (number: number): Uint8Array => new Uint8Array(32).fill(number);
export const peer = (number: number): string => peerIdOf(publicKey(number));
export const sharedKey = (number: number): Uint8Array => new Uint8Array(32).fill(100 + number);

export interface VirtualBox {
  discovery: LocalDiscovery;
  interfaces: LocalInterface[];
  networks: LocalNetwork[];
  events: { event: "sighted" | "gone"; network: string; sighting: LocalSighting }[];
  seen(network?: string): string[];
}

export const ethernet = (name: string, addresses: string[], index = 2): LocalInterface => ({
  name,
  index,
  kind: "ethernet",
  up: true,
  metered: false,
  addresses,
  hasWayOut: false,
});

/** @param shared keys, the newest first; may be changed later */
export const network = (id: string, number: number, shared: Uint8Array[], port = 4_000): LocalNetwork => ({
  id,
  peer: peer(number),
  sharedKeys: () => shared,
  ports: () => ({ tcp: port, ws: port + 1, udp: port + 2 }),
});

/** Box `number`: 192.0.2.`number` and fe80::`number` on eth0, which is on link "lan", in the network red. Not started. */
export function virtualBox(
  links: VirtualLinks,
  number: number,
  more: {
    interfaces?: LocalInterface[];
    networks?: LocalNetwork[];
    cables?: Record<string, string>;
    loopback?: boolean;
    /** Of its random names. Default: its number. */
    seed?: number;
    decode?: typeof decodeMdns;
  } = {},
): VirtualBox {
  const random = seededRandom(more.seed ?? number);
  const events: VirtualBox["events"] = [];
  const interfaces = more.interfaces ?? [ethernet("eth0", [`192.0.2.${number}/24`, `fe80::${number}/64`])];
  const networks = more.networks ?? [network("red", number, [sharedKey(1)])];
  const discovery = new LocalDiscovery({
    interfaces: () => interfaces,
    networks: () => networks,
    loopback: more.loopback ?? false,
    timers: links.time,
    randomBytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)),
    log: capturedLog().log,
    ...(more.decode ? { decode: more.decode } : {}),
    open: links.opener(`fe80::${number}`, more.cables ?? { eth0: "lan", lo: "lo" }),
  });
  for (const event of ["sighted", "gone"] as const) {
    discovery.on(event, (id, sighting) => void events.push({ event, network: id, sighting }));
  }
  return {
    discovery,
    interfaces,
    networks,
    events,
    seen: (id = "red") => discovery.sightings(id).map((sighting) => sighting.peer),
  };
}
