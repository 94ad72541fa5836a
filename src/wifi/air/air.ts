import { mkdirSync } from "node:fs";
import type { Logger } from "../../host/log.ts";
import { interfaceExists } from "../../host/proc-net.ts";
import { tryRun } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";
import type { AirPlan, AirRadio } from "./air-plan.ts";
import { lookAt, type Remedy } from "./health.ts";
import { interfaceSteps } from "./interface-steps.ts";
import { endUnwanted } from "./lasting-program.ts";
import { presentInterfaces, presentPhys, removeInterface, takeSteps, unblock } from "./radio-commands.ts";
import { RadioService } from "./radio-service.ts";

export interface AirOptions {
  runFolder: string;
  timers: Timers;
  log: Logger;
  /** A service has ended or told something that matters. */
  stirred: (service: RadioService, event: string) => void;
}

/** Something is wrong with a service, and what is done about it; or it is well again. */
export type AirReport =
  | { kind: "trouble"; service: RadioService; why: string; remedy: Remedy }
  | { kind: "back"; service: RadioService; afterMs: number };

/** How long a mesh waits for the access point on its radio to be on the air. */
const ACCESS_POINT_FIRST_MS = 5_000;
const LOOK_EVERY_MS = 100;

/** The interfaces and programs of the radios, made as a plan has them, and mended when they are not so any more. */
export class Air {
  private plan: AirPlan = { country: "00", radios: [], refused: [] };
  private services: RadioService[] = [];
  /** Since when services are not on the air, by name. */
  private readonly offMs = new Map<string, number>();
  private readonly blocked = new Set<string>();

  constructor(private readonly options: AirOptions) {}

  get current(): { plan: AirPlan; services: readonly RadioService[] } {
    return { plan: this.plan, services: this.services };
  }

  /** Radios that a switch on the machine holds off. */
  get switchedOff(): readonly string[] {
    return [...this.blocked];
  }

  /**
   * Makes a plan true. What runs as the plan has it is left alone; access points start first.
   * @throws {RunError} when the radios cannot be asked
   */
  async apply(plan: AirPlan): Promise<void> {
    const { runFolder, timers, stirred } = this.options;
    mkdirSync(runFolder, { recursive: true });
    const wanted = plan.radios.flatMap((radio) => radio.services.map((service) => ({ radio, service })));
    const isSame = (one: RadioService) =>
      wanted.some(
        ({ radio, service }) =>
          service.name === one.name &&
          service.file.text === one.options.service.file.text &&
          radio.phy === one.options.radio.phy,
      );
    const kept = this.services.filter(isSame);
    await Promise.all(
      this.services.filter((service) => !kept.includes(service)).map((service) => service.stop()),
    );
    this.plan = plan;
    this.services = kept;
    await endUnwanted(runFolder, new Set(wanted.map(({ service }) => service.file.path)));
    this.blocked.clear();
    for (const { phy } of plan.radios) if (unblock(phy)) this.blocked.add(phy);
    await this.makeInterfaces();
    const started: RadioService[] = [];
    this.services = wanted.map(({ radio, service }) => {
      const known = kept.find(({ name }) => name === service.name);
      if (known) return known;
      const made: RadioService = new RadioService({
        service,
        radio,
        runFolder,
        timers,
        stirred: (event) => stirred(made, event),
      });
      started.push(made);
      return made;
    });
    const isAccess = (one: RadioService) => one.options.service.program === "hostapd";
    for (const one of started.filter(isAccess)) await this.start(one);
    for (const one of started.filter((service) => !isAccess(service))) {
      await this.accessPointFirst(one.options.radio);
      await this.start(one);
    }
  }

  /** Looks at every service, and mends what has to be mended. */
  async look(report: (report: AirReport) => void): Promise<void> {
    const { timers } = this.options;
    const findings = await Promise.all(
      this.services.map(async (service) => ({ service, finding: await service.check() })),
    );
    for (const { service, finding } of findings) {
      const nowMs = timers.monotonicMs();
      const before = service.health.state;
      const { health, remedy } = lookAt(service.health, finding, nowMs);
      service.health = health;
      if (health.state === "well" && before !== "well") await this.onAir(service, report, nowMs);
      if (health.state !== "well" && before === "well") this.offMs.set(service.name, nowMs);
      if (remedy === undefined) continue;
      if (!this.offMs.has(service.name)) this.offMs.set(service.name, nowMs);
      report({ kind: "trouble", service, why: health.why, remedy });
      await this.mend(service, remedy, finding.is === "ill" && finding.silent === true);
    }
  }

  /** Ends the programs and removes the box's interfaces. */
  async clear(): Promise<void> {
    await this.apply({ country: this.plan.country, radios: [], refused: [] });
    this.offMs.clear();
  }

  private async onAir(service: RadioService, report: (report: AirReport) => void, nowMs: number) {
    const sinceMs = this.offMs.get(service.name);
    this.offMs.delete(service.name);
    if (sinceMs !== undefined) report({ kind: "back", service, afterMs: nowMs - sinceMs });
    const { powerLimitDbm, interfaces } = service.options.radio;
    if (powerLimitDbm === undefined) return;
    for (const { name } of interfaces) {
      const limit = ["iw", "dev", name, "set", "txpower", "limit", String(powerLimitDbm * 100)];
      const { exitCode, stderr } = await tryRun(limit);
      if (exitCode !== 0) this.options.log.warn(`the power of ${name} cannot be limited: ${stderr.trim()}`);
    }
  }

  private async mend(service: RadioService, remedy: Remedy, silent: boolean): Promise<void> {
    await service.stop(silent);
    // An adapter's radio goes a moment after its interfaces, so it may have gone by now.
    if (this.isGone(service.options.radio)) return;
    const own = service.options.service.controls.map((control) => control.interface);
    if (remedy !== "restart") for (const name of own) await removeInterface(name, this.options.log);
    // Somebody may have removed it: without it no program starts.
    if (!interfaceExists(service.interface)) {
      await this.makeInterfaces().catch((error) => this.warn(service, error));
    }
    await this.start(service);
  }

  /** Whether a radio of the plan has gone meanwhile: what it carried is for another plan. */
  private isGone({ phy }: AirRadio): boolean {
    return !presentPhys().some((text) => text.startsWith(`${phy} `));
  }

  private async makeInterfaces(): Promise<void> {
    if (presentPhys().length === 0) return;
    await takeSteps(interfaceSteps(await presentInterfaces(), this.plan.radios), this.options.log);
  }

  private async start(service: RadioService): Promise<void> {
    try {
      await service.start();
    } catch (error) {
      this.warn(service, error);
    }
  }

  private async accessPointFirst({ phy }: AirRadio): Promise<void> {
    const { timers } = this.options;
    const access = this.services.find(
      ({ options }) => options.radio.phy === phy && options.service.program === "hostapd",
    );
    const untilMs = timers.monotonicMs() + ACCESS_POINT_FIRST_MS;
    while (access && timers.monotonicMs() < untilMs && (await access.check()).is === "starting")
      await Bun.sleep(LOOK_EVERY_MS);
  }

  private warn({ name }: RadioService, error: unknown): void {
    this.options.log.warn({ error }, name);
  }
}
