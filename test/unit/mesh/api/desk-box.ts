import { type Membership, Memberships, openDeviceKey, signingKey } from "../../../../src/identity/index.ts";
import type { DeskNetwork } from "../../../../src/mesh/api/desk-network.ts";
import { MeshDesk } from "../../../../src/mesh/api/mesh-desk.ts";
import { Directory } from "../../../../src/mesh/directory/directory.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { ObservedNat } from "../../../../src/mesh/network/observed-nat.ts";
import { FakeClock } from "../../fake-clock.ts";
import { recordOf } from "../directory/described.ts";
import { type FakeEngine, FakeEngines } from "../fake-engine.ts";
import type { VirtualBox, VirtualNetwork } from "../paths/virtual-network.ts";

/** A network as the desk sees it: its paths lead through virtual links, its engine to nobody, the rest is real. */
export class DeskTestNetwork implements DeskNetwork {
  readonly peer: string;
  readonly ports = { tcp: 4_600, ws: 4_601, udp: 4_600 };
  readonly engine: FakeEngine;
  readonly directory: Directory;
  readonly nat: ObservedNat;
  readonly paths;
  readonly told: Uint8Array[] = [];
  readonly channels = new Set<string>();
  readonly reached: string[] = [];
  tunnels: DeskNetwork["tunnels"];
  bootstrap: { publicKey: Uint8Array; addresses: readonly string[] }[] = [];

  constructor(
    readonly membership: Membership,
    box: VirtualBox,
    engines: FakeEngines,
  ) {
    this.peer = peerIdOf(membership.publicKey);
    this.engine = engines.engine(this.peer);
    this.paths = box.paths;
    const monotonicMs = () => box.network.time.monotonicMs();
    this.directory = new Directory({
      self: this.peer,
      check: (chain, publicKey) => membership.check(chain, publicKey),
      isStillMember: (publicKey) => membership.isStillMember(publicKey),
      ownCame: () => {},
      monotonicMs,
    });
    this.nat = new ObservedNat({
      interfaces: () => [],
      port: () => 4_600,
      unanswered: () => [],
      monotonicMs,
    });
  }

  bootstrapPeers(most: number) {
    return this.bootstrap.slice(0, most);
  }
  connectedPeers() {
    return new Set(this.engine.connections().map(({ peer }) => peer));
  }
  tellStatement(statement: Uint8Array) {
    this.told.push(statement);
  }
  send(...[peer, channel, body, options]: Parameters<DeskNetwork["send"]>) {
    return this.paths.send(peer, channel, body, options);
  }
  async connect(peer: string) {
    return this.engine.connections(peer).length > 0;
  }
  async reachNow(peer: string) {
    this.reached.push(peer);
    return this.paths.isReachable(peer);
  }
  handle(channel: string, handler: Parameters<DeskNetwork["handle"]>[1]) {
    if (this.channels.has(channel)) throw new Error(`${channel} is handled already`);
    this.channels.add(channel);
    this.paths.handle(channel, handler);
  }
  unhandle(channel: string) {
    this.channels.delete(channel);
    this.paths.unhandle(channel);
  }
}

/** A desk with real memberships, whose networks begin and end when it says so. @param engines those that reach each other */
export function deskBox(folder: string, virtual: VirtualNetwork, name = "quay", engines = new FakeEngines()) {
  const memberships = new Memberships(folder, openDeviceKey(folder), new FakeClock(), () => {}, {
    scryptWorkFactor: 10,
  }).open();
  const running = new Map<string, DeskTestNetwork>();
  const troubles = new Map<string, string>();
  const journal: string[] = [];
  const events: string[] = [];
  const desk: MeshDesk = new MeshDesk({
    memberships,
    boxName: name,
    network: (id) => running.get(id),
    troubleOf: (id) => troubles.get(id),
    async begin(membership) {
      if (running.has(membership.id) || troubles.has(membership.id)) return;
      events.push(`begin ${membership.name}`);
      const network = new DeskTestNetwork(
        membership,
        virtual.box(peerIdOf(membership.publicKey), virtual.links),
        engines,
      );
      running.set(membership.id, network);
      desk.began(network);
    },
    async end(id) {
      events.push(`end ${memberships.get(id)?.name}`);
      running.delete(id);
    },
    told: (kind, subject) => void journal.push(`${kind} ${subject}`),
    monotonicMs: () => virtual.time.monotonicMs(),
  });
  return { memberships, running, troubles, journal, events, desk };
}

export type DeskBox = ReturnType<typeof deskBox>;

/** The first of the networks that run. */
export function networkOf({ running }: DeskBox): DeskTestNetwork {
  const [network] = running.values();
  if (!network) throw new Error("no network runs");
  return network;
}

/** Each has the other's record. */
export function meet(
  a: DeskTestNetwork,
  b: DeskTestNetwork,
  names: [string, string] = ["quay", "mill"],
): void {
  for (const [to, from, name] of [
    [a, b, names[1]],
    [b, a, names[0]],
  ] as const) {
    const { membership } = from;
    to.directory.accept(recordOf(signingKey(membership.seed), 1, { chain: membership.chain(), name }));
  }
}
