import { z } from "zod";
import { onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import { RunError } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";
import type { Runner } from "./queue-applier.ts";
import {
  nexthopRange,
  planUplinks,
  UPLINK_PREFERENCES,
  UPLINK_TABLES,
  type Uplink,
  type UplinkFamilyPlan,
  type UplinkPins,
  type UplinkRule,
} from "./uplink-plan.ts";

const CONVERGE_EVERY_MS = 10_000;
/** By what a packet's way is chosen: 1, its addresses and ports, so that a connection keeps to one. */
const HASH_POLICIES = ["ipv4", "ipv6"].map((family) => `/proc/sys/net/${family}/fib_multipath_hash_policy`);

export interface UplinksOptions {
  pins: UplinkPins;
  timers: Timers;
  log: Logger;
  /** How programs are run: `tryRun` of src/host/run.ts. */
  run: Runner;
}

/**
 * Keeps the box's ways to the internet in use together. It has rules and tables of its own; the main table and its
 * default route, which others look after, are not touched. Needs root.
 */
export class Uplinks implements Part {
  readonly name = "uplinks";
  private uplinks: readonly Uplink[] = [];
  private pins: UplinkPins;
  private running = false;
  private failure: string | undefined;
  /** Interfaces that have a carrier. */
  private up = new Set<string>();
  private policiesBefore: [string, string][] = [];
  private callOff: (() => void) | undefined;

  constructor(private readonly options: UplinksOptions) {
    this.pins = options.pins;
  }

  async start(): Promise<void> {
    this.running = true;
    await this.setPolicies();
    await this.converge();
    this.later();
  }

  async stop(): Promise<void> {
    this.callOff?.();
    this.callOff = undefined;
    this.running = false;
    await this.converge();
    const nothing: UplinkFamilyPlan = {
      hops: [],
      groups: [],
      routes: [],
      rules: [],
      tables: [],
      nexthops: [],
    };
    await this.apply("-4", nothing);
    await this.apply("-6", nothing);
    for (const [path, value] of this.policiesBefore.splice(0)) await this.write(path, value);
  }

  /** Tells what uplinks there are and how they are: at once when one fails or comes back. */
  refresh(uplinks: readonly Uplink[]): Promise<void> {
    this.uplinks = uplinks;
    return this.converge();
  }

  setPins(pins: UplinkPins): Promise<void> {
    this.pins = pins;
    return this.converge();
  }

  detail(): string {
    const inUse = this.uplinks.filter((uplink) => uplink.healthy && this.up.has(uplink.interface));
    const free = inUse.filter((uplink) => !uplink.metered);
    if (inUse.length === 0) return "no way to the internet";
    if (free.length === 0) return `${named(inUse)}, metered: nothing in bulk`;
    return named(free);
  }

  trouble(): string | undefined {
    return this.failure;
  }

  private readonly converge = onceAtATime(async () => {
    if (!this.running) return;
    try {
      await this.applyAll();
      this.failure = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.failure) this.options.log.warn({ error }, "uplinks");
      this.failure = text;
    }
  });

  private async applyAll(): Promise<void> {
    this.up = await this.interfacesUp();
    // Its place in the list is an uplink's identity, so one without an interface keeps it.
    const present = this.uplinks.map((uplink): Uplink => {
      const { ipv4: _, ipv6: __, ...absent } = uplink;
      return this.up.has(uplink.interface) ? uplink : { ...absent, healthy: false };
    });
    const plan = planUplinks(present, this.pins);
    await this.apply("-4", plan.ipv4);
    await this.apply("-6", plan.ipv6);
  }

  private async interfacesUp(): Promise<Set<string>> {
    const { stdout } = await this.options.run(["ip", "-j", "link", "show", "up"]);
    const up = linksUp.safeParse(parsedJson(stdout)).data ?? [];
    return new Set(up.flatMap(({ ifname, flags }) => (flags.includes("LOWER_UP") ? [ifname] : [])));
  }

  private async apply(family: "-4" | "-6", plan: UplinkFamilyPlan): Promise<void> {
    await this.batch([family], plan.hops);
    await this.batch([], plan.groups);
    await this.batch([family], plan.routes);
    const standing = await this.standingRules(family);
    const missing = plan.rules.filter((rule) => !standing.some((other) => isSame(rule, other)));
    const extra = standing.filter((rule) => !plan.rules.some((other) => isSame(rule, other)));
    await this.batch(
      [family],
      [
        ...missing.map(({ preference, selector }) => `rule add pref ${preference} ${selector}`),
        ...extra.map(({ preference, selector }) => `rule del pref ${preference} ${selector}`),
      ],
    );
    const shown = await this.options.run(["ip", family, "route", "show", "table", "all", "default"]);
    const filled = UPLINK_TABLES.filter((table) => new RegExp(`table ${table}\\b`).test(shown.stdout));
    const emptied = filled.filter((table) => !plan.tables.includes(table));
    await this.batch(
      [family],
      emptied.map((table) => `route del default table ${table}`),
    );
    await this.removeNexthops(family, plan.nexthops);
  }

  private async removeNexthops(family: "-4" | "-6", kept: readonly number[]): Promise<void> {
    const { first, last } = nexthopRange(family === "-4" ? 4 : 6);
    const { stdout } = await this.options.run(["ip", "-j", "nexthop", "show"]);
    const ids = (nexthops.safeParse(parsedJson(stdout)).data ?? []).map(({ id }) => id);
    // Groups have the higher ids, and go before their members.
    const gone = ids.filter((id) => id >= first && id <= last && !kept.includes(id)).sort((a, b) => b - a);
    await this.batch(
      [family],
      gone.map((id) => `nexthop del id ${id}`),
    );
  }

  private async standingRules(family: "-4" | "-6"): Promise<UplinkRule[]> {
    const { stdout } = await this.options.run(["ip", family, "rule", "show"]);
    return parseRules(stdout);
  }

  private async setPolicies(): Promise<void> {
    this.policiesBefore = [];
    for (const path of HASH_POLICIES) {
      const { exitCode, stdout } = await this.options.run(["cat", path]);
      if (exitCode !== 0) continue;
      this.policiesBefore.push([path, stdout.trim()]);
      await this.write(path, "1");
    }
  }

  /** By a program, as everything here, so that it is done in the network namespace that programs are run in. */
  private async write(path: string, value: string): Promise<void> {
    await this.options.run(["sh", "-c", 'echo "$1" > "$2"', "sh", value, path]);
  }

  private async batch(family: readonly string[], lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const command = ["ip", ...family, "-batch", "-"];
    const done = await this.options.run(command, { input: `${lines.join("\n")}\n` });
    if (done.exitCode !== 0) throw new RunError(command, done.exitCode, done.stderr);
  }

  private later(): void {
    this.callOff = this.options.timers.after(CONVERGE_EVERY_MS, () => {
      void this.converge().finally(() => {
        if (this.callOff !== undefined) this.later();
      });
    });
  }
}

const linksUp = z.array(z.object({ ifname: z.string(), flags: z.array(z.string()) }));
const nexthops = z.array(z.object({ id: z.number() }));

const named = (uplinks: readonly Uplink[]): string =>
  uplinks.map(({ interface: name, weight }) => `${name} (${weight})`).join(", ");

const isSame = (a: UplinkRule, b: UplinkRule): boolean =>
  a.preference === b.preference && a.selector === b.selector;

/**
 * Our rules among those that `ip rule show` lists, such as "20003:	from all iif vm0 ipproto udp lookup 46102", in the
 * words in which they are added. Its text, because its JSON names the parts of a rule differently from version to version.
 */
export function parseRules(text: string): UplinkRule[] {
  return text.split("\n").flatMap((line) => {
    const [, preference = "", selector = ""] = /^(\d+):\s+(.*?)\s*$/.exec(line) ?? [];
    const { first, last } = UPLINK_PREFERENCES;
    if (Number(preference) < first || Number(preference) > last || preference === "") return [];
    return [
      {
        preference: Number(preference),
        selector: selector.replace(/^from all /, "").replace("[detached] ", ""),
      },
    ];
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
