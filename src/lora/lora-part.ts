import { EventEmitter } from "node:events";
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import { type Journal, tellFromNewer } from "../store/index.ts";
import {
  type AirtimeLedger,
  type BootClock,
  LedgerStore,
  openKeptLedger,
  type SubBand,
} from "./airtime/index.ts";
import { planChannel } from "./channel-plan.ts";
import { connectSerial, connectTcp, isTcp } from "./connect.ts";
import { type Adapter, AdapterWatcher, rank } from "./discovery/index.ts";
import {
  type Admission,
  type Arrived,
  Link,
  type LinkAddress,
  type LinkMessage,
  type MessageCode,
  SeenMessages,
} from "./link/index.ts";
import { LinkNumbers } from "./link-numbers.ts";
import { LoraCase, type LoraCaseOptions } from "./lora-case.ts";
import { type LoraStatus, loraStatus, nameOf } from "./lora-status.ts";
import type { Fate, RadioClock } from "./radio.ts";
import type { LineInfo } from "./serial/index.ts";

export interface LoraPartOptions {
  config: Config["lora"];
  /** This box, on every link. */
  address: LinkAddress;
  stateFolder: string;
  /** Serial adapters that are there. */
  list: () => Promise<readonly LineInfo[]>;
  bootClock: BootClock;
  timers: Timers;
  random: () => number;
  journal: Journal;
  log: Logger;
  code?: MessageCode;
}

export interface LoraEvents {
  message: [arrived: Arrived, link: Link];
}

/** The LoRa cases of this box: found as they come, each with its link to the boxes that it hears. */
export class LoraPart extends EventEmitter<LoraEvents> implements Part {
  readonly name = "lora";
  private readonly cases = new Map<string, LoraCase>();
  /** Keys of the cases that the operator has named. */
  private readonly named = new Set<string>();
  private readonly ledgers = new Map<string, AirtimeLedger>();
  private readonly numbers: LinkNumbers;
  /** Of all links: what is heard by two cases is one message. */
  private readonly seen: SeenMessages;
  private readonly store: LedgerStore;
  private isForgetful = false;
  private unkept: string | undefined;
  private watcher: AdapterWatcher | undefined;

  constructor(private readonly options: LoraPartOptions) {
    super();
    const { stateFolder, bootClock, random, log } = options;
    this.store = new LedgerStore(join(stateFolder, "airtime.sqlite"), bootClock.bootId);
    this.seen = new SeenMessages(() => options.timers.monotonicMs());
    const told = (message: string) => log.error(message);
    this.numbers = new LinkNumbers({ path: join(stateFolder, "link-numbers.json"), random, told });
  }

  async start(): Promise<void> {
    const { config, list, timers, journal, log } = this.options;
    if (!config.enabled) return;
    this.numbers.open();
    const found = this.store.open();
    const { setAside, volatile, fromNewer } = found;
    tellFromNewer(found, { part: this.name, what: "the airtimes of the last hour", journal, log });
    if (setAside) log.error(`what was sent in the last hour could not be read; it is in ${setAside}`);
    if (volatile) log.error(`what is sent is not kept through a restart: ${volatile}`);
    this.unkept = volatile;
    const isOfNow = fromNewer === undefined || fromNewer.kind === "goes-on";
    this.isForgetful = setAside !== undefined || volatile !== undefined || !isOfNow;
    for (const url of config.ports.filter(isTcp)) {
      this.named.add(url);
      this.caseOf(url, () => connectTcp(url, this.connectOptions)).come();
    }
    const extraPaths = config.ports.filter((port) => !isTcp(port));
    this.watcher = new AdapterWatcher({ list, timers, log, extraPaths });
    this.watcher.on("found", (adapter) => this.onFound(adapter));
    this.watcher.on("lost", ({ key }) => this.cases.get(key)?.go());
    await this.watcher.start();
  }

  async stop(): Promise<void> {
    this.watcher?.stop();
    this.watcher = undefined;
    const cases = [...this.cases.values()];
    // First, so that whoever waits is told while there is somebody to tell it to.
    for (const { link } of cases) link.close();
    await Promise.all(cases.map((one) => one.stop()));
    this.cases.clear();
    this.ledgers.clear();
    if (!this.options.config.enabled) return;
    this.numbers.close();
    this.store.close();
  }

  /** Every case that was found since the start, each with its link. */
  get links(): readonly Link[] {
    return [...this.cases.values()].map(({ link }) => link);
  }

  /**
   * Takes a message on for the link that heard its box last, or else for the first that has a radio.
   * @param told see {@link Link.submit}
   */
  submit(message: LinkMessage, told?: (fate: Fate) => void): Admission {
    const link = this.linkFor(message.to);
    if (!link) return { accepted: false, reason: "radio-gone", detail: "there is no LoRa case" };
    return link.submit(message, told);
  }

  status(): LoraStatus {
    return loraStatus(this.options.address, [...this.cases.values()], this.options.timers.monotonicMs());
  }

  /** What the clocks of the cases say that have one. */
  clocks(): RadioClock[] {
    return [...this.cases.values()].flatMap(({ radioStatus }) => radioStatus?.clock ?? []);
  }

  detail(): string {
    if (!this.options.config.enabled) return "switched off";
    const present = [...this.cases.values()].filter(({ state }) => state !== "gone");
    if (present.length === 0) return "no LoRa case is plugged in";
    const working = present.filter(({ state }) => state === "working").length;
    return `${working} of ${present.length === 1 ? "1 case" : `${present.length} cases`} at work`;
  }

  trouble(): string | undefined {
    const isTroubled = ({ state, key }: LoraCase) =>
      state === "listening" || (state === "no radio" && this.named.has(key));
    const troubled = [...this.cases.values()].find(isTroubled);
    if (troubled) return `${nameOf(troubled.key)}: ${troubled.reason}`;
    return this.unkept && `what is sent is not kept: ${this.unkept}`;
  }

  private get connectOptions() {
    const { config, timers, random, log } = this.options;
    return { context: { timers, random, log }, channel: planChannel(config).channel };
  }

  private onFound({ key, device, isNamed }: Adapter): void {
    if (isNamed) this.named.add(key);
    const [candidate] = rank([device], new Set(isNamed ? [device.path] : []));
    if (!candidate) return;
    this.caseOf(key, (known) => connectSerial(candidate, known, this.connectOptions)).come();
  }

  private caseOf(key: string, connect: LoraCaseOptions["connect"]): LoraCase {
    const known = this.cases.get(key);
    // The same adapter may be under another name now.
    if (known) known.connectBy(connect);
    const made = known ?? this.newCase(key, connect);
    this.cases.set(key, made);
    return made;
  }

  private newCase(key: string, connect: LoraCaseOptions["connect"]): LoraCase {
    const { address, config, timers, random, journal, log, code } = this.options;
    const link = new Link({
      address,
      timers,
      random,
      nextNumber: () => this.numbers.next(),
      seen: this.seen,
      ...(code ? { code } : {}),
    });
    link.on("message", (arrived) => this.emit("message", arrived, link));
    const made = new LoraCase({
      key,
      link,
      ...planChannel(config),
      sosReserve: config.sos_reserve_percent / 100,
      ledgerOf: (subBand) => this.ledgerOf(subBand),
      connect,
      timers,
      random,
      log,
    });
    made.on("told", (kind, detail) => {
      if (kind === "lora-case-up") code?.warm?.();
      log.info(`${key}: ${kind === "lora-case-up" ? `${detail.firmware}, ${detail.state}` : detail.reason}`);
      journal.append(this.name, kind, key, detail).catch((error) => log.error({ error }, "journal"));
    });
    return made;
  }

  /** One for each sub-band of the box: two cases in one sub-band share what the law leaves. */
  private ledgerOf(subBand: SubBand): AirtimeLedger {
    const { bootClock, timers, log } = this.options;
    const { store, isForgetful } = this;
    // The limits may depend on the bandwidth.
    const key = JSON.stringify([subBand.name, subBand.limits]);
    const known = this.ledgers.get(key);
    if (known) return known;
    const ledger = openKeptLedger({ subBand, store, isForgetful, bootClock, timers, log });
    this.ledgers.set(key, ledger);
    return ledger;
  }

  private linkFor(to: LinkMessage["to"]): Link | undefined {
    const heardAt = (link: Link) =>
      link.neighbours.all().find(({ address }) => address === to)?.heardAtMs ?? Number.NEGATIVE_INFINITY;
    // A case that is gone may never come back: one that is there goes first, whatever it has heard.
    return this.links.toSorted(
      (a, b) => Number(b.isAttached) - Number(a.isAttached) || Math.sign(heardAt(b) - heardAt(a)) || 0,
    )[0];
  }
}
