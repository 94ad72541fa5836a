import { z } from "zod";
import { RunError } from "../../host/run.ts";
import { parsedJson } from "./parsed-json.ts";
import type { Runner } from "./queue-applier.ts";
import {
  nexthopRange,
  UPLINK_PREFERENCES,
  UPLINK_TABLES,
  type UplinkFamilyPlan,
  type UplinkPlan,
  type UplinkRule,
} from "./uplink-plan.ts";

const nexthops = z.array(z.object({ id: z.number() }));
const NOTHING: UplinkFamilyPlan = { hops: [], groups: [], routes: [], rules: [], tables: [], nexthops: [] };

/** Makes the kernel's rules, routes and next hops as planned, and leaves nothing of ours besides. */
export class UplinkApplier {
  constructor(private readonly run: Runner) {}

  /** @throws {RunError} with ip's own words when the kernel refuses the plan */
  async apply({ ipv4, ipv6 }: UplinkPlan): Promise<void> {
    await this.applyFamily("-4", ipv4);
    await this.applyFamily("-6", ipv6);
  }

  /** Removes everything that is ours by its numbers, whoever made it. */
  clear(): Promise<void> {
    return this.apply({ ipv4: NOTHING, ipv6: NOTHING });
  }

  private async applyFamily(family: "-4" | "-6", plan: UplinkFamilyPlan): Promise<void> {
    await this.batch([family], plan.hops);
    await this.batch([], plan.groups);
    await this.batch([family], plan.routes);
    const standing = parseRules((await this.run(["ip", family, "rule", "show"])).stdout);
    const missing = plan.rules.filter((rule) => !standing.some((other) => isSame(rule, other)));
    const extra = standing.filter((rule) => !plan.rules.some((other) => isSame(rule, other)));
    await this.batch(
      [family],
      [
        ...missing.map(({ preference, selector }) => `rule add pref ${preference} ${selector}`),
        ...extra.map(({ preference, selector }) => `rule del pref ${preference} ${selector}`),
      ],
    );
    const shown = await this.run(["ip", family, "route", "show", "table", "all", "default"]);
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
    const { stdout } = await this.run(["ip", "-j", "nexthop", "show"]);
    const ids = (nexthops.safeParse(parsedJson(stdout)).data ?? []).map(({ id }) => id);
    // Groups have the higher ids, and go before their members.
    const gone = ids.filter((id) => id >= first && id <= last && !kept.includes(id)).sort((a, b) => b - a);
    await this.batch(
      [family],
      gone.map((id) => `nexthop del id ${id}`),
    );
  }

  private async batch(family: readonly string[], lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const command = ["ip", ...family, "-batch", "-"];
    const done = await this.run(command, { input: `${lines.join("\n")}\n` });
    if (done.exitCode !== 0) throw new RunError(command, done.exitCode, done.stderr);
  }
}

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
