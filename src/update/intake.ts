import { basename } from "node:path";
import type { UpdateConfig } from "../config/index.ts";
import { atIntervals, onceAtATime } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { Arrival, BundleShelf, ShelvedBundle } from "./bundle/bundle-shelf.ts";
import { type BundleSource, fetchBundle } from "./bundle/fetch-bundle.ts";
import { MAX_TAIL_BYTES } from "./bundle/layout.ts";
import { PartialBundle } from "./bundle/partial-bundle.ts";
import {
  type BundleFacts,
  bundleFacts,
  checkFits,
  RefusedError,
  type RunningImage,
  raucRefusal,
} from "./bundle/rauc-bundle.ts";
import { HeldBundles } from "./held-bundles.ts";
import { httpSource } from "./http-source.ts";
import { Neighbours } from "./neighbours/neighbours.ts";
import type { OfferedBundle } from "./neighbours/update-frames.ts";
import type { UpdateNetworks } from "./neighbours/update-network.ts";
import { Pace } from "./pace.ts";
import type { Candidate, UpdateState } from "./update-state.ts";

export interface IntakeOptions {
  config: UpdateConfig;
  shelf: BundleShelf;
  running: RunningImage;
  networks: UpdateNetworks;
  state: () => UpdateState;
  /** Nothing is fetched or given while it says no. */
  mayFetch: () => boolean;
  /** A bundle is there, whole and good. */
  ready: (candidate: Candidate) => Promise<void>;
  /** What a file says that it is. @throws {RefusedError} */
  check?: (path: string) => Promise<BundleFacts>;
  journal: {
    append(part: string, kind: string, subject: string, detail: Record<string, unknown>): Promise<void>;
  };
  timers: Timers;
  log: Logger;
}

const LOOK_EVERY_MS = 5_000;
/** The first look at the web server: not in the minute in which everything else begins. */
const FIRST_URL_MS = 3 * 60_000;
const HOUR_MS = 3_600_000;
const ARRIVED: Record<Arrival, string> = {
  stick: "a USB stick",
  asked: "the operator",
  older: "the operator",
};

/** How bundles come to this box, and from it to others: each is checked before it is kept, and kept before it is spoken of. */
export class Intake {
  /** What is being fetched. */
  fetching: { from: string; goodBytes: number; bytes: number } | undefined;
  /** The last bundle that was refused, and why. */
  refusal = "";
  /** Something that has come is being looked through. */
  isChecking = false;
  private readonly held: HeldBundles;
  private readonly refusedIds = new Set<string>();
  private readonly neighbourly: Neighbours | undefined;
  private readonly pace: { take: Pace; give: Pace };
  private readonly ends: (() => unknown)[] = [];

  constructor(private readonly options: IntakeOptions) {
    const { config, timers, networks, log, running } = options;
    this.pace = {
      take: new Pace(config.neighbour_kbit, timers),
      give: new Pace(config.neighbour_kbit, timers),
    };
    const { shelf, state, check = bundleFacts } = options;
    this.held = new HeldBundles({ shelf, running, state, check, log });
    if (!config.neighbours) return;
    this.neighbourly = new Neighbours({
      ...{ networks, timers, log },
      ours: () => ({ kind: "has", ...running, bundles: this.held.offered() }),
      read: (id, offset, length) => this.give(id, offset, length),
      wants: (bundle) => this.wants(bundle),
      fetch: (source) => this.fetch(source),
    });
  }

  async start(): Promise<void> {
    const { config, shelf, timers } = this.options;
    shelf.open();
    for (const bundle of shelf.held()) await this.remember(bundle, "what was here already", false, false);
    this.held.tidy();
    this.neighbourly?.start();
    this.ends.push(atIntervals(LOOK_EVERY_MS, () => this.lookAtIncoming(), this.failed, timers));
    if (config.url === "") return;
    this.ends.push(
      timers.after(FIRST_URL_MS, () => void this.lookAtUrl()),
      atIntervals(config.url_hours * HOUR_MS, () => this.lookAtUrl(), this.failed, timers),
    );
  }

  async stop(): Promise<void> {
    this.pace.take.stop();
    this.pace.give.stop();
    await this.neighbourly?.stop();
    for (const end of this.ends.splice(0)) await end();
  }

  neighbours(): { name: string; version: string; has: readonly string[] }[] {
    return (this.neighbourly?.list() ?? []).filter(
      ({ compatible }) => compatible === this.options.running.compatible,
    );
  }

  async checkNow(): Promise<void> {
    this.neighbourly?.checkNow();
    await this.lookAtIncoming();
    if (this.options.config.url !== "") await this.lookAtUrl();
  }

  /** Takes what has been put there, or says why not and throws it away. */
  readonly lookAtIncoming = onceAtATime(async () => {
    const { shelf } = this.options;
    for (const { name, said } of shelf.refusals()) await this.refused(name, ARRIVED.stick, raucRefusal(said));
    for (const { arrival, path } of shelf.incoming()) {
      this.isChecking = true;
      try {
        const facts = await this.checked(path, arrival === "older");
        await this.checkContent(path);
        await this.remember(shelf.keep(path), ARRIVED[arrival], true, arrival === "older", facts);
        this.refusal = "";
        this.held.tidy();
      } catch (error) {
        shelf.discard(path);
        await this.refused(basename(path), ARRIVED[arrival], error);
      } finally {
        this.isChecking = false;
      }
    }
  });

  private readonly lookAtUrl = onceAtATime(async () => {
    try {
      await this.fetch(await httpSource(this.options.config.url));
    } catch (error) {
      this.options.log.info({ error }, "nothing newer could be fetched from the internet");
    }
  });

  private async give(id: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    if (!this.options.mayFetch()) throw new Error("not now");
    await this.pace.give.room(length);
    return this.held.read(id, offset, length);
  }

  /** By what an offer says of itself, which its signature has to confirm. */
  private wants({ id, bytes, compatible, version }: OfferedBundle): boolean {
    const { running, state, mayFetch, shelf } = this.options;
    const name = Buffer.from(id).toString("hex");
    if (compatible !== running.compatible || !mayFetch() || this.refusedIds.has(name) || this.held.has(name))
      return false;
    if (state().refused.some((one) => one.id === name) || !shelf.hasRoomFor(bytes)) return false;
    return this.held.isNews(version);
  }

  private async fetch(source: BundleSource): Promise<void> {
    const { shelf, mayFetch } = this.options;
    if (!shelf.hasRoomFor(source.bytes)) throw new Error("there is no room for it");
    try {
      const id = await fetchBundle({
        source,
        partFor: (one) => shelf.partFor(one),
        placeFor: (one) => shelf.placeFor(one),
        checkSignature: async (path) => {
          const { id: wanted } = shelf.describe(path);
          if (this.held.has(wanted)) throw new RefusedError("same", "it is here already");
          await this.checked(path, false);
        },
        room: async (bytes) => {
          if (!mayFetch()) throw new Error("nothing is fetched now");
          await this.pace.take.room(bytes);
        },
        progress: (goodBytes, bytes) => {
          this.fetching = { from: source.name, goodBytes, bytes };
        },
      });
      await this.remember(shelf.describe(shelf.placeFor(id)), source.name, false, false);
      this.held.tidy();
    } catch (error) {
      if (error instanceof RefusedError) {
        if (source.id !== undefined) this.refusedIds.add(source.id);
        // That a web server has what runs already is no news.
        if (error.why !== "same") await this.refused("a bundle", source.name, error);
      }
      throw error;
    } finally {
      this.fetching = undefined;
    }
  }

  /** @throws {RefusedError} */
  private async checked(path: string, mayBeOlder: boolean): Promise<BundleFacts> {
    const facts = await (this.options.check ?? bundleFacts)(path);
    checkFits(facts, this.options.running, mayBeOlder);
    return facts;
  }

  /** @throws {RefusedError} when a byte of it is not as it was signed */
  private async checkContent(path: string): Promise<void> {
    const { shelf } = this.options;
    const { bytes } = shelf.describe(path);
    const tail = shelf.read(path, Math.max(0, bytes - MAX_TAIL_BYTES), Math.min(bytes, MAX_TAIL_BYTES));
    const bundle = await PartialBundle.open(path, tail, bytes);
    const fault = bundle.next();
    await bundle.close();
    if (fault)
      throw new RefusedError("damaged", `it was changed after it was signed, near byte ${fault.offset}`);
  }

  private async remember(
    bundle: ShelvedBundle,
    from: string,
    isAsked: boolean,
    mayBeOlder: boolean,
    known?: BundleFacts,
  ): Promise<void> {
    const { running, ready, log } = this.options;
    const facts = await this.held.take(bundle, known);
    if (!facts) return;
    try {
      checkFits(facts, running, mayBeOlder);
    } catch (error) {
      log.debug({ error }, "a bundle is kept for others");
      return;
    }
    const { id, path: file } = bundle;
    await ready({ id, file, version: facts.version, from, mayBeOlder, isAsked, installs: 0 });
  }

  private async refused(name: string, from: string, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.refusal = `${name}, from ${from}: ${reason}`;
    this.options.log.warn(`an update was refused: ${this.refusal}`);
    await this.options.journal.append("update", "refused", name, { from, reason }).catch(this.failed);
  }

  private readonly failed = (error: unknown) =>
    this.options.log.error({ error }, "updates could not be looked for");
}
