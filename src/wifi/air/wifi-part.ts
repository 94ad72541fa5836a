import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WifiConfig } from "../../config/index.ts";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import { interfaceMac } from "../../host/proc-net.ts";
import { Supervised } from "../../host/supervise.ts";
import type { Timers } from "../../host/timers.ts";
import type { Journal } from "../../store/index.ts";
import { type HeardNetwork, lastHeard } from "../heard/index.ts";
import { collectRadios } from "../inventory/index.ts";
import { planRadios, type RadioPlan } from "../plan/index.ts";
import type { Radio, RadioInventory } from "../radio-inventory.ts";
import { Air, type AirReport } from "./air.ts";
import { PLAIN_AFTER_REPAIRS } from "./health.ts";
import { endedScan, parseIwEvent } from "./iw-event.ts";
import type { MeshInterface, MeshInterfaces } from "./mesh-interfaces.ts";
import { meshPassword } from "./mesh-password.ts";
import { planAir } from "./plan-air.ts";
import { interfaceIndex, presentPhys, resetDevice, setCountry } from "./radio-commands.ts";
import type { RadioService } from "./radio-service.ts";
import { scanBy } from "./scan.ts";
import { troubleOf, type WifiSight, wifiDetail, wifiView } from "./wifi-sight.ts";
import type { WifiView } from "./wifi-view.ts";

export interface WifiPartOptions {
  /** With the open network's name in it (`networkName`). */
  config: WifiConfig;
  /** The bridge that guests are on. */
  bridge: string;
  /** For generated files and sockets; gone after a restart of the machine. */
  runFolder: string;
  /** SHA-256 of the device key: addresses are derived from it. */
  deviceHash: Uint8Array;
  /** Of the network that the box is in, 32 bytes; undefined: it is in none. */
  sharedKey: () => Uint8Array | undefined;
  timers: Timers;
  journal: Journal;
  log: Logger;
}

const LOOK_EVERY_MS = 1_000;
/** While something is not on the air. */
const LOOK_SOON_MS = 150;
/** So long after the start the first radio is looked for as often. */
const EARLY_MS = 60_000;
/** Rules change several times in a row when a country is set. */
const SETTLE_MS = 300;
/** Whether somebody has set another country: looked at now and then too, as an event may be lost. */
const RULES_EVERY_MS = 60_000;

/**
 * The radios: makes the plan true, keeps it so, and makes another one when radios or rules change. The open network comes up
 * first and comes back first. Programs outlive a daemon that is killed; the next one takes them up.
 */
export class WifiPart implements Part, MeshInterfaces {
  readonly name = "wifi";
  private readonly air: Air;
  private readonly events: Supervised;
  private inventory: RadioInventory = { country: "00", radios: [] };
  private radioPlan: RadioPlan = { country: "00", radios: [], notes: [] };
  private heard: readonly HeardNetwork[] | undefined;
  /** What the plan in force was made of: another text, another plan. */
  private madeOf = "";
  private readonly plain = new Set<string>();
  private rulesAtMs = 0;
  private earlyUntilMs = 0;
  private isListening = false;
  /** Told when the scan of an interface is over. */
  private readonly scans = new Map<string, () => void>();
  private stopTicks: () => Promise<void> = async () => {};
  private cancelSoon: (() => void) | undefined;
  private meshes: readonly MeshInterface[] = [];
  private meshText = "";
  private readonly meshListeners = new Set<(current: readonly MeshInterface[]) => void>();
  /** The look at the radios from before the start: resolves with those that there were then, and undefined where it failed. */
  private early: Promise<string | undefined> | undefined;
  /** What failed as a whole the last time. */
  private failure: string | undefined;
  private isRunning = false;

  constructor(private readonly options: WifiPartOptions) {
    const { runFolder, timers, log } = options;
    this.air = new Air({
      runFolder,
      timers,
      log,
      stirred: (service, event) => this.onStir(service, event),
    });
    this.events = new Supervised({
      name: "radio-events",
      command: ["iw", "event"],
      runFolder,
      log,
      onLine: (line) => this.onIwEvent(line),
    });
  }

  get current(): readonly MeshInterface[] {
    return this.meshes;
  }

  onChange(listener: (current: readonly MeshInterface[]) => void): () => void {
    this.meshListeners.add(listener);
    return () => this.meshListeners.delete(listener);
  }

  /** Begins to look at the radios, while what has to be there before the open network is still made. */
  prepare(): void {
    if (!this.options.config.enabled) return;
    const radios = presentRadios();
    // What fails is done again, and told of, when it starts.
    this.early = this.takeStock().then(
      () => radios,
      () => undefined,
    );
  }

  async start(): Promise<void> {
    if (!this.options.config.enabled) return;
    this.isRunning = true;
    this.earlyUntilMs = this.options.timers.monotonicMs() + EARLY_MS;
    for (const path of this.keptPlain()) this.plain.add(path);
    await this.look();
    this.stopTicks = atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      (error) => this.warn(error),
    );
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.early;
    this.early = undefined;
    this.cancelSoon?.();
    await this.stopTicks();
    // A look that a timer or an event has begun.
    await this.look();
    if (this.isListening) await this.events.stop();
    this.isListening = false;
    if (this.options.config.enabled) await this.air.clear();
    this.madeOf = "";
    this.tellMeshes();
  }

  detail(): string {
    return wifiDetail(this.sight);
  }

  trouble(): string | undefined {
    return this.failure ?? troubleOf(this.sight);
  }

  /** How the radios are now. */
  view(): WifiView {
    return wifiView(this.sight);
  }

  private get sight(): WifiSight {
    const { config } = this.options;
    const { plan, services } = this.air.current;
    const { inventory, radioPlan } = this;
    return { config, inventory, radioPlan, plan, services, switchedOff: this.air.switchedOff };
  }

  /** Everything that is done to the radios is done here, one thing at a time. */
  private readonly look = onceAtATime(async () => {
    if (!this.isRunning) return;
    try {
      if (this.planOutdated()) await this.replan();
      await this.air.look((report) => this.onReport(report));
      this.failure = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.failure) this.warn(error);
      this.failure = text;
      // Made anew at the next look.
      this.madeOf = "";
    }
    this.tellMeshes();
    const isWaiting = this.air.current.services.some(({ health }) => health.state !== "well");
    // The box starts before the system has come to all its devices.
    const isEarly =
      this.inventory.radios.length === 0 && this.options.timers.monotonicMs() < this.earlyUntilMs;
    if (isWaiting || isEarly) this.lookSoon(LOOK_SOON_MS);
  });

  private planOutdated(): boolean {
    const isLate = this.options.timers.monotonicMs() >= this.rulesAtMs;
    return (
      this.madeOf === "" || this.madeOf !== this.ingredients() || (isLate && this.inventory.radios.length > 0)
    );
  }

  private ingredients(): string {
    return JSON.stringify([presentPhys(), this.password() ?? "", [...this.plain]]);
  }

  /** What radios there are, and what is around: all that can be known before anything is on the air. */
  private async takeStock(): Promise<void> {
    const { config, timers } = this.options;
    const hasRadios = presentPhys().length > 0;
    this.rulesAtMs = timers.monotonicMs() + RULES_EVERY_MS;
    if (hasRadios) await this.listen();
    const before = this.inventory;
    const isForeign = ({ country }: RadioInventory) =>
      hasRadios && config.country !== "" && country !== config.country;
    // Where it was the right one at the last look nothing waits for that question: the open network may wait for this.
    if (isForeign(before)) await this.setCountry();
    let inventory = await collectRadios();
    if (!isForeign(before) && isForeign(inventory)) {
      await this.setCountry();
      inventory = await collectRadios();
    }
    this.inventory = inventory;
    this.noteRadios(before, this.inventory);
    this.heard ??= hasRadios ? await this.hear() : undefined;
  }

  private async replan(): Promise<void> {
    const { config, bridge, runFolder, deviceHash } = this.options;
    const early = await this.early;
    this.early = undefined;
    const ingredients = this.ingredients();
    // One may have come meanwhile.
    if (early !== presentRadios()) await this.takeStock();
    this.radioPlan = planRadios(this.inventory, config, this.heard ?? []);
    const plan = planAir(this.radioPlan, this.inventory, {
      config,
      bridge,
      runFolder,
      deviceHash,
      meshPassword: this.password(),
      uplinks: config.uplinks.map(({ ssid, password, password_file }) => ({
        ssid,
        password: password === "" ? firstLine(password_file) : password,
      })),
      plain: this.plain,
    });
    await this.air.apply(plan);
    this.madeOf = ingredients;
  }

  private async setCountry(): Promise<void> {
    const { country } = this.options.config;
    if (!(await setCountry(country)))
      this.options.log.warn(`the country ${country} cannot be set: the rules of another one hold`);
  }

  private async listen(): Promise<void> {
    if (this.isListening) return;
    this.isListening = true;
    await this.events.start();
  }

  /** What is around, once after the machine has started: it takes a radio that is not on the air yet. */
  private async hear(): Promise<HeardNetwork[]> {
    const { runFolder } = this.options;
    const kept = join(runFolder, "heard.json");
    // Written by the box itself, in a folder where nobody else may write.
    if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as HeardNetwork[];
    const isOnAir = this.inventory.radios.some(({ interfaces }) =>
      interfaces.some(({ type }) => type === "AP" || type === "mesh point"),
    );
    const idle = this.inventory.radios.find(({ interfaces }) =>
      interfaces.some(({ type }) => type === "managed"),
    );
    const heard = isOnAir || !idle ? await lastHeard(this.inventory) : await this.scan(idle);
    writeFileSync(kept, JSON.stringify(heard), { mode: 0o600 });
    return heard;
  }

  private scan(radio: Radio): Promise<HeardNetwork[]> {
    const { config, log } = this.options;
    const over = (name: string) => new Promise<void>((resolve) => void this.scans.set(name, resolve));
    return scanBy(radio, { everywhere: config.uplinks.length > 0, over, log });
  }

  private password(): string | undefined {
    const { config, sharedKey } = this.options;
    const own = firstLine(config.mesh.password_file);
    if (own !== undefined && own !== "") return own;
    const key = sharedKey();
    return key === undefined ? undefined : meshPassword(key, config.mesh.id);
  }

  private onStir(service: RadioService, event: string): void {
    if (event.startsWith("DFS-RADAR-DETECTED")) this.note("radar-heard", service.interface, { event });
    this.lookSoon(0);
  }

  private onIwEvent(line: string): void {
    this.scans.get(endedScan(line) ?? "")?.();
    const event = parseIwEvent(line);
    if (event === "rules") this.rulesAtMs = 0;
    if (event !== undefined) this.lookSoon(SETTLE_MS);
  }

  private lookSoon(delayMs: number): void {
    this.cancelSoon?.();
    this.cancelSoon = this.options.timers.after(delayMs, () => void this.look());
  }

  private onReport(report: AirReport): void {
    const { service } = report;
    const { radio } = service.options;
    if (report.kind === "back") {
      const afterMs = Math.round(report.afterMs);
      this.options.log.info(`${service.interface} is on the air again after ${afterMs} ms`);
      this.note("radio-back", service.interface, { afterMs });
      return;
    }
    const { why, remedy } = report;
    this.options.log.warn(`${service.name} ${why}; ${REMEDY_WORDS[remedy]}`);
    this.note("radio-trouble", service.interface, { service: service.name, why, remedy });
    const device = this.inventory.radios.find(({ path }) => path === radio.path);
    if (remedy === "reset" && device && !resetDevice(device))
      this.options.log.info(`${radio.phy} cannot be reset`);
    if (service.options.service.program === "hostapd" && service.health.repairs >= PLAIN_AFTER_REPAIRS)
      this.keepPlain(radio.path);
  }

  /** The next daemon is to take up what runs, and not to try again what did not start. */
  private keepPlain(path: string): void {
    if (this.plain.has(path)) return;
    this.plain.add(path);
    try {
      writeFileSync(`${this.plainFile}.new`, JSON.stringify([...this.plain]), { mode: 0o600 });
      renameSync(`${this.plainFile}.new`, this.plainFile);
    } catch (error) {
      this.warn(error);
    }
  }

  private keptPlain(): string[] {
    // Written by the box itself, in a folder where nobody else may write.
    return existsSync(this.plainFile) ? (JSON.parse(readFileSync(this.plainFile, "utf8")) as string[]) : [];
  }

  private get plainFile(): string {
    return join(this.options.runFolder, "plain.json");
  }

  private noteRadios(before: RadioInventory, after: RadioInventory): void {
    const isIn = ({ radios }: RadioInventory, path: string) => radios.some((radio) => radio.path === path);
    for (const { phy, path, driver } of after.radios)
      if (!isIn(before, path)) this.note("radio-came", path, { phy, driver });
    for (const { phy, path, driver } of before.radios)
      if (!isIn(after, path)) this.note("radio-gone", path, { phy, driver });
    if (before.radios.length > 0 && before.country !== after.country)
      this.note("country-changed", after.country, { before: before.country });
  }

  private note(kind: string, subject: string, detail: Record<string, unknown>): void {
    this.options.journal
      .append(this.name, kind, subject, detail)
      .catch((error) => this.options.log.error({ error }, "journal"));
  }

  private tellMeshes(): void {
    const now = this.air.current.services
      .filter(({ health }) => health.state === "well")
      .flatMap(({ interface: name, options: { radio } }) => {
        const mesh = radio.interfaces.find((one) => one.name === name && one.role === "mesh");
        const planned = this.radioPlan.radios
          .flatMap(({ interfaces }) => interfaces)
          .find((one) => one.name === name);
        if (mesh === undefined || planned?.role !== "mesh" || radio.channel === undefined) return [];
        const { frequencyMhz, band } = radio.channel;
        const shared = radio.interfaces.some(({ role }) => role === "open");
        const macAddress = interfaceMac(name);
        return [
          {
            index: interfaceIndex(name),
            name,
            macAddress,
            frequencyMhz,
            band,
            meshId: planned.meshId,
            shared,
          },
        ];
      });
    const text = JSON.stringify(now);
    if (text === this.meshText) return;
    this.meshText = text;
    this.meshes = now.map(({ index: _, ...mesh }) => mesh);
    for (const listener of this.meshListeners) listener(this.meshes);
  }

  private warn(error: unknown): void {
    this.options.log.warn({ error }, "radios");
  }
}

const REMEDY_WORDS = {
  restart: "starting it again",
  remake: "making its interface anew",
  reset: "resetting the radio",
} as const;

/** The first line of a file; undefined: none is named, or it cannot be read. */
function firstLine(path: string): string | undefined {
  if (path === "") return undefined;
  try {
    return readFileSync(path, "utf8").split("\n")[0]?.trimEnd();
  } catch {
    return undefined;
  }
}

/** As a text, which is another one when there are others. */
const presentRadios = (): string => JSON.stringify(presentPhys());
