import { join } from "node:path";
import type { Config } from "../../config/index.ts";
import { parseMonitorLine } from "../../host/interface-monitor.ts";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import { hasCarrier, interfaceExists } from "../../host/proc-net.ts";
import { RunError } from "../../host/run.ts";
import { Supervised } from "../../host/supervise.ts";
import type { Timers } from "../../host/timers.ts";
import type { MeshInterfaces } from "../air/mesh-interfaces.ts";
import {
  addHardInterface,
  freeRadio,
  type GatewayRates,
  hardInterfacesOf,
  isBridged,
  makeBatmanDevice,
  NoBatmanError,
  raise,
  readOriginators,
  readyBatmanDevice,
  removeBatmanDevice,
  removeHardInterface,
  setGateway,
  setLoopAvoidance,
  setOgmInterval,
} from "./batman-device.ts";
import { OgmPace } from "./ogm-pace.ts";
import { nodesAmong, type Originator } from "./originators.ts";
import { PeerWatch } from "./peer-watch.ts";
import { BATMAN_DEVICE, type BatmanPlan, IDENTITY_DEVICE, planBatman } from "./plan-batman.ts";

/** The box's way to the internet, as far as the mesh is told of it. */
export interface MeshGateway {
  /** While there is one. */
  rates(): GatewayRates | undefined;
  /** @returns ends it */
  onChange(listener: () => void): () => void;
}

export interface BatmanPartOptions {
  config: Config["wifi"]["mesh"];
  /** SHA-256 of the device key. */
  keyHash: Uint8Array;
  meshInterfaces: MeshInterfaces;
  /** Interfaces that guests are on. */
  guestPorts: readonly string[];
  gateway?: MeshGateway;
  runFolder: string;
  timers: Timers;
  log: Logger;
}

const CONVERGE_EVERY_MS = 5_000;
/** How long after a station was made it may have become a peer: SAE takes its time, and nobody tells of the end. */
const PEERING_MS = [700, 2_000];
/** What a killed daemon left is kept for so long: whoever sets up the radios is still finding out which of them are up. */
const KEEP_LEFT_MS = 10_000;
/** Where the kernel has no batman-adv it is asked again so seldom: a module may be installed. */
const ASK_KERNEL_AGAIN_MS = 60_000;

/**
 * All links to other boxes as one: batman-adv over the mesh's radios and the wires that the operator names. bat0 is an
 * interface of the box, and no port of the guests' bridge.
 *
 * A path is replaced at once where a link reports its loss (a wire without carrier, a radio whose last peer has gone):
 * the interface is taken out, by which the kernel forgets every path over it. Elsewhere, and further away, the new path
 * is there after five originator messages: the boxes at the ends of a lost link send them faster for a while.
 */
export class BatmanPart implements Part {
  readonly name = "batman";
  private readonly links: Supervised;
  private readonly peers: PeerWatch;
  private readonly pace: OgmPace;
  private stops: (() => Promise<void> | void)[] = [];
  private plan: BatmanPlan;
  /** bat0 was told everything that stays as it is. */
  private isTold = false;
  private askKernelAtMs = 0;
  private keepsLeftUntilMs = 0;
  private told = { isBridged: undefined as boolean | undefined, gateway: "", intervalMs: 0 };
  /** Radios that were taken out since their last peer had gone. */
  private readonly lonely = new Set<string>();
  private readonly soon = new Set<() => void>();
  private others: readonly Originator[] = [];
  private failure: string | undefined;
  private readonly refused = new Map<string, string>();

  constructor(private readonly options: BatmanPartOptions) {
    const { timers, log } = options;
    const runFolder = join(options.runFolder, "batman");
    this.plan = this.planNow();
    this.links = new Supervised({
      name: "link-monitor",
      command: ["ip", "-o", "monitor", "link"],
      runFolder,
      log,
      onLine: (line) => this.takeLinkLine(line),
    });
    this.peers = new PeerWatch({
      runFolder,
      log,
      lost: (name, isLast) => this.lostPeer(name, isLast),
      came: (name) => {
        if (this.lonely.has(name)) this.lookSoon();
      },
    });
    this.pace = new OgmPace(timers, (intervalMs) => {
      if (this.isTold) void this.tellInterval(intervalMs).catch((error) => this.warn(error));
    });
  }

  async start(): Promise<void> {
    const { meshInterfaces, gateway, timers } = this.options;
    await this.links.start();
    this.askKernelAtMs = 0;
    this.keepsLeftUntilMs = timers.monotonicMs() + KEEP_LEFT_MS;
    this.stops.push(
      meshInterfaces.onChange(() => void this.converge()),
      ...(gateway ? [gateway.onChange(() => void this.converge())] : []),
      atIntervals(
        CONVERGE_EVERY_MS,
        () => this.converge(),
        (error) => this.warn(error),
        timers,
      ),
    );
    await this.converge();
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0)) await stop();
    for (const callOff of this.soon) callOff();
    this.soon.clear();
    // What is under way ends, and with nobody to stop for nothing new begins.
    await this.converge();
    await this.links.stop();
    await this.peers.stop();
    this.pace.stop();
    await removeBatmanDevice();
    for (const { kind, name } of this.plan.hardInterfaces) if (kind === "radio") freeRadio(name);
    this.isTold = false;
    this.lonely.clear();
  }

  detail(): string {
    if (this.plan.hardInterfaces.length === 0) return "no radio of the mesh is up, and no wire is named";
    if (!this.isTold) return "boxes reach no further than their radios do";
    const links = hardInterfacesOf().filter((name) => name !== IDENTITY_DEVICE);
    const nodes = nodesAmong(this.others);
    return `${BATMAN_DEVICE} over ${links.join(", ") || "no link yet"}: ${nodes} other ${nodes === 1 ? "box" : "boxes"}`;
  }

  trouble(): string | undefined {
    const refused = [...this.refused].map(([name, reason]) => `${name} cannot join the mesh: ${reason}`);
    const all = [this.failure, ...this.plan.notes, ...refused, this.links.trouble, this.peers.trouble].filter(
      (text) => text !== undefined,
    );
    return all.length === 0 ? undefined : all.join("; ");
  }

  /** Once at a time: what it does to a link is itself a change that is told of. */
  private readonly converge = onceAtATime(async () => {
    if (this.stops.length === 0 || this.options.timers.monotonicMs() < this.askKernelAtMs) return;
    try {
      await this.mend();
      this.failure = undefined;
    } catch (error) {
      let failure = error instanceof Error ? error.message : String(error);
      if (error instanceof NoBatmanError) {
        failure = `batman-adv cannot be used, so boxes reach no further than their radios do: ${failure}`;
        this.isTold = false;
        this.askKernelAtMs = this.options.timers.monotonicMs() + ASK_KERNEL_AGAIN_MS;
      }
      if (failure !== this.failure) this.warn(error);
      this.failure = failure;
    }
  });

  private async mend(): Promise<void> {
    this.plan = this.planNow();
    if (this.plan.hardInterfaces.length === 0 && !interfaceExists(BATMAN_DEVICE)) return;
    if (await makeBatmanDevice(this.plan)) this.isTold = false;
    if (!this.isTold) {
      this.told = { isBridged: undefined, gateway: "", intervalMs: 0 };
      await readyBatmanDevice();
    }
    // Somebody may have set it down.
    await raise(BATMAN_DEVICE);
    if (this.told.isBridged !== isBridged()) await this.tellBridged(isBridged());
    if (this.told.intervalMs !== this.pace.current) await this.tellInterval(this.pace.current);
    this.isTold = true;
    await this.followPeers();
    await this.followLinks();
    await this.followGateway();
    this.others = await readOriginators();
    this.pace.follow(nodesAmong(this.others) + 1);
  }

  private planNow(): BatmanPlan {
    const { config, keyHash, meshInterfaces, guestPorts } = this.options;
    return planBatman(config, keyHash, meshInterfaces.current, guestPorts);
  }

  /** A radio that was taken out comes back with its first peer, also where that was not told of. */
  private async followPeers(): Promise<void> {
    const radios = this.plan.hardInterfaces.filter(({ kind }) => kind === "radio").map(({ name }) => name);
    await this.peers.look(radios);
    for (const name of [...this.lonely])
      if (!radios.includes(name) || this.peers.peersOf(name) > 0) this.lonely.delete(name);
  }

  private lookSoon(): void {
    for (const afterMs of PEERING_MS) {
      const callOff = this.options.timers.after(afterMs, () => {
        this.soon.delete(callOff);
        void this.converge();
      });
      this.soon.add(callOff);
    }
  }

  private async followLinks(): Promise<void> {
    const { hardInterfaces } = this.plan;
    for (const { kind, name } of hardInterfaces)
      if (kind === "wire" && interfaceExists(name)) await raise(name);
    const wanted = hardInterfaces.filter(({ name }) => hasCarrier(name) && !this.lonely.has(name));
    const present = hardInterfacesOf();
    const isPlanned = (name: string) => hardInterfaces.some((one) => one.name === name);
    const keepsOthers = this.options.timers.monotonicMs() < this.keepsLeftUntilMs;
    for (const name of present) {
      if (name === IDENTITY_DEVICE || wanted.some((one) => one.name === name)) continue;
      if (isPlanned(name) || !keepsOthers) await removeHardInterface(name);
    }
    for (const one of wanted) {
      if (present.includes(one.name)) continue;
      try {
        await addHardInterface(one);
        this.refused.delete(one.name);
      } catch (error) {
        // One that cannot be a part, such as a port of a bridge, does not keep the others out.
        if (interfaceExists(one.name)) this.refused.set(one.name, reasonOf(error));
      }
    }
    for (const name of [...this.refused.keys()])
      if (!wanted.some((one) => one.name === name)) this.refused.delete(name);
  }

  private async followGateway(): Promise<void> {
    const rates = this.options.gateway?.rates();
    const gateway = JSON.stringify(rates ?? "none");
    if (gateway === this.told.gateway) return;
    await setGateway(rates);
    this.told.gateway = gateway;
  }

  private async tellBridged(isNow: boolean): Promise<void> {
    await setLoopAvoidance(isNow);
    this.told.isBridged = isNow;
  }

  private async tellInterval(intervalMs: number): Promise<void> {
    this.told.intervalMs = intervalMs;
    await setOgmInterval(intervalMs);
  }

  private takeLinkLine(line: string): void {
    const told = parseMonitorLine(line);
    if (told?.about !== "link") return;
    const isOurs = this.plan.hardInterfaces.some(({ name }) => name === told.name);
    if (isOurs && !told.carrier && hardInterfacesOf().includes(told.name)) this.lostLink(told.name);
    if (isOurs || told.name === BATMAN_DEVICE || told.name === IDENTITY_DEVICE) void this.converge();
  }

  private lostPeer(name: string, isLast: boolean): void {
    if (!isLast) {
      this.options.log.info(`the mesh has lost a peer of ${name}`);
      this.pace.hurry();
      return;
    }
    this.lonely.add(name);
    this.lostLink(name);
  }

  /** At once, beside whatever else is under way: should that have put it back, the next look takes it out again. */
  private lostLink(name: string): void {
    this.options.log.info(`the mesh has lost ${name}`);
    removeHardInterface(name).catch((error) => this.warn(error));
    this.pace.hurry();
  }

  private warn(error: unknown): void {
    this.options.log.warn({ error }, "batman");
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof RunError ? (error.stderr.trim().split("\n")[0] ?? "") : String(error);
