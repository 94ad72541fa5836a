import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { BundleSource } from "../bundle/fetch-bundle.ts";
import { AskedBox, type HasFrame, serveUpdates } from "./update-conversation.ts";
import { MAX_UPDATE_FRAME_BYTES, type OfferedBundle, UPDATE_PROTOCOL } from "./update-frames.ts";
import { isBox, type UpdateEngine, type UpdateNetwork, type UpdateNetworks } from "./update-network.ts";

/** A neighbour that was asked already is asked again after this. */
const ASK_EVERY_MS = 15 * 60_000;
const LOOK_EVERY_MS = 30_000;
/** Where fetching failed, that box is left alone for so long, then longer. */
const AGAIN_MS = 20_000;
const LONGEST_AGAIN_MS = 30 * 60_000;
const MAX_KNOWN = 256;

export interface NeighboursOptions {
  networks: UpdateNetworks;
  /** What this box runs and has. */
  ours: () => HasFrame;
  /** A piece of a bundle of this box's. @throws when there is no such */
  read: (id: Uint8Array, offset: number, length: number) => Promise<Uint8Array>;
  /** Whether a bundle is one to be fetched, as far as its offer goes. */
  wants: (bundle: OfferedBundle) => boolean;
  /** Fetches it. @throws when that did not work, for what reason ever */
  fetch: (source: BundleSource) => Promise<void>;
  timers: Timers;
  log: Logger;
}

interface Known {
  network: UpdateNetwork;
  theirs: HasFrame;
  askedAtMs: number;
  notBeforeMs: number;
  waitMs: number;
}

/** Bundles from box to neighbouring box: who is connected is asked what it has, and gives it piece by piece. */
export class Neighbours {
  private readonly networks = new Map<string, { network: UpdateNetwork; end: () => void }>();
  private readonly served = new WeakSet<UpdateEngine>();
  /** By network and peer. */
  private readonly known = new Map<string, Known>();
  private readonly ends: (() => unknown)[] = [];
  private isRunning = false;
  private asked: AskedBox | undefined;

  constructor(private readonly options: NeighboursOptions) {}

  start(): void {
    const { networks, timers } = this.options;
    this.isRunning = true;
    this.ends.push(
      networks.onNetworks({ began: (network) => this.began(network), ended: (id) => this.ended(id) }),
      atIntervals(LOOK_EVERY_MS, () => this.look(), this.failed, timers),
    );
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    this.asked?.end();
    for (const end of this.ends.splice(0)) await end();
    for (const id of [...this.networks.keys()]) this.ended(id);
  }

  /** What neighbours run and have, by what they are called. */
  list(): { name: string; version: string; compatible: string; has: readonly string[] }[] {
    return [...this.known.entries()].map(([key, { network, theirs }]) => ({
      name: this.nameOf(network, peerOf(key)),
      version: theirs.version,
      compatible: theirs.compatible,
      has: theirs.bundles.map(({ version }) => version),
    }));
  }

  /** Asks all that are connected anew. */
  checkNow(): void {
    for (const one of this.known.values()) {
      one.askedAtMs = Number.NEGATIVE_INFINITY;
      one.notBeforeMs = 0;
    }
    this.lookSoon();
  }

  private began(network: UpdateNetwork): void {
    const { engine, membership } = network;
    const end = engine.on("joined", (peer) => {
      // It may be another way by which it works.
      const known = this.known.get(keyOf(network, peer));
      if (known) Object.assign(known, { notBeforeMs: 0, waitMs: AGAIN_MS / 2 });
      this.lookSoon();
    });
    this.networks.set(membership.id, { network, end });
    if (!this.served.has(engine)) {
      this.served.add(engine);
      engine.handle(
        UPDATE_PROTOCOL,
        async (stream, member) => {
          if (!this.isRunning || !isBox(member)) throw new Error("update: for boxes alone");
          const { ours, read, timers } = this.options;
          const told = (peer: string, theirs: HasFrame) => this.told(network, peer, theirs);
          await serveUpdates(stream, { ours, read, timers, told });
        },
        { maxStreams: 2, maxFrameBytes: MAX_UPDATE_FRAME_BYTES },
      );
    }
    this.lookSoon();
  }

  private ended(id: string): void {
    this.networks.get(id)?.end();
    this.networks.delete(id);
    for (const [key, { network }] of this.known) if (network.membership.id === id) this.known.delete(key);
  }

  /** It has asked this box, and need not be asked. */
  private told(network: UpdateNetwork, peer: string, theirs: HasFrame): void {
    const { notBeforeMs = 0, waitMs = AGAIN_MS / 2 } = this.known.get(keyOf(network, peer)) ?? {};
    Object.assign(this.remember(network, peer, theirs), { notBeforeMs, waitMs });
    this.lookSoon();
  }

  private lookSoon(): void {
    void this.look().catch(this.failed);
  }

  /** One box after the other: asked what it has, and for what this box wants. */
  private readonly look = onceAtATime(async () => {
    for (const { network } of [...this.networks.values()]) {
      const boxes = network.engine.connections().filter(({ member }) => isBox(member));
      const peers = new Set(boxes.map(({ peer }) => peer));
      for (const [key, known] of this.known)
        if (known.network === network && !peers.has(peerOf(key))) this.known.delete(key);
      for (const peer of peers) if (this.isRunning) await this.visit(network, peer);
    }
  });

  private async visit(network: UpdateNetwork, peer: string): Promise<void> {
    const { ours, timers, wants, log } = this.options;
    const before = this.known.get(keyOf(network, peer));
    if (before && this.nowMs() < before.notBeforeMs) return;
    const isFresh = before !== undefined && this.nowMs() - before.askedAtMs < ASK_EVERY_MS;
    if (isFresh && !before.theirs.bundles.some(wants)) return;
    try {
      const asked = await AskedBox.open(network.engine, peer, ours(), timers);
      this.asked = asked;
      this.remember(network, peer, asked.theirs);
      await this.fetchFrom(network, peer, asked);
    } catch (error) {
      log.info({ peer, error }, "nothing could be fetched from a neighbouring box");
      const nothing: HasFrame = { kind: "has", compatible: "", version: "", bundles: [] };
      const known = this.remember(network, peer, this.known.get(keyOf(network, peer))?.theirs ?? nothing);
      known.waitMs = Math.min(LONGEST_AGAIN_MS, 2 * (before?.waitMs ?? AGAIN_MS / 2));
      known.notBeforeMs = this.nowMs() + known.waitMs;
    } finally {
      this.asked?.end();
      this.asked = undefined;
    }
  }

  private async fetchFrom(network: UpdateNetwork, peer: string, asked: AskedBox): Promise<void> {
    // What has to be paid for is not for images.
    if (network.paths.status(peer).some(({ chosen, metered }) => chosen && metered)) return;
    for (const bundle of asked.theirs.bundles.filter(this.options.wants))
      await this.options.fetch(asked.source(bundle, this.nameOf(network, peer)));
  }

  private remember(network: UpdateNetwork, peer: string, theirs: HasFrame): Known {
    const key = keyOf(network, peer);
    if (this.known.size >= MAX_KNOWN && !this.known.has(key)) this.known.clear();
    const known = { network, theirs, askedAtMs: this.nowMs(), notBeforeMs: 0, waitMs: AGAIN_MS / 2 };
    this.known.set(key, known);
    return known;
  }

  private nameOf(network: UpdateNetwork, peer: string): string {
    return network.directory.get(peer)?.record.name || peer.slice(-8);
  }

  private nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  private readonly failed = (error: unknown) =>
    this.options.log.error({ error }, "neighbouring boxes could not be asked for updates");
}

const keyOf = (network: UpdateNetwork, peer: string): string => `${network.membership.id} ${peer}`;
const peerOf = (key: string): string => key.slice(key.indexOf(" ") + 1);
