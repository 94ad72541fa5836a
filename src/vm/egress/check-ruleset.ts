import type { NftCommand } from "../../host/nft.ts";
import type { Difference } from "./check-namespace.ts";

type Listed = Readonly<Record<string, unknown>>;

/** What an object of a ruleset is known by, however else nft prints it again. */
interface Outline {
  /** "netdev omerta_vm chain in", with hook, priority and policy for one that the kernel calls. */
  objects: string[];
  /** Rules by chain. */
  rules: Map<string, number>;
}

/**
 * Compares the kernel's rules with the planned ones: the same tables, sets, counters and chains, with the same hooks
 * and policies, and as many rules in each. That a rule says what was planned is not read back, as nft prints
 * many in another form: the transaction put it there as it is, and {@link rulesetText} shows whether it has changed.
 */
export function rulesetDifferences(planned: readonly NftCommand[], listed: readonly Listed[]): Difference[] {
  const adds = planned.flatMap(({ add }) => (add === undefined ? [] : [add as Listed]));
  const [wanted, seen] = [outlineOf(adds), outlineOf(listed)];
  const wantedObjects = new Set(wanted.objects);
  const seenObjects = new Set(seen.objects);
  const chains = new Set([...wanted.rules.keys(), ...seen.rules.keys()]);
  return [
    ...[...wantedObjects]
      .filter((one) => !seenObjects.has(one))
      .map((one) => ({ thing: `rules: ${one}`, why: "is not there" })),
    ...[...seenObjects]
      .filter((one) => !wantedObjects.has(one))
      .map((one) => ({ thing: `rules: ${one}`, why: "is not planned" })),
    ...[...chains].flatMap((chain) => {
      const [should, is] = [wanted.rules.get(chain) ?? 0, seen.rules.get(chain) ?? 0];
      return should === is ? [] : [{ thing: `rules: ${chain}`, why: `has ${is} rules, not ${should}` }];
    }),
  ];
}

/** The rules as the kernel has them, without what counts and without the elements that packets add. */
export function rulesetText(listed: readonly Listed[]): string {
  return listed
    .filter((object) => !("metainfo" in object))
    .map((object) => JSON.stringify(object, (key, value) => (CHANGING.has(key) ? undefined : settled(value))))
    .join("\n");
}

const CHANGING = new Set(["handle", "packets", "bytes", "expires"]);

/** A set that packets add to is the same whatever is in it: all but those of networks. */
function settled(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("type" in value) || !("elem" in value)) return value;
  const { elem: _, ...rest } = value;
  const isPlanned = "flags" in value && Array.isArray(value.flags) && value.flags.includes("interval");
  return isPlanned ? value : rest;
}

function outlineOf(objects: readonly Listed[]): Outline {
  const outline: Outline = { objects: [], rules: new Map() };
  for (const object of objects) {
    const [kind = "", value] = Object.entries(object)[0] ?? [];
    if (kind === "metainfo") continue;
    const { family, table, name, chain, hook, policy, prio } = value as Record<string, unknown>;
    if (kind === "rule") {
      const key = `${family} ${table} ${chain}`;
      outline.rules.set(key, (outline.rules.get(key) ?? 0) + 1);
      continue;
    }
    const called = hook === undefined ? [] : [`${hook}`, `${prio}`, `${policy}`];
    outline.objects.push([family, table ?? "", kind, name, ...called].join(" ").replace(/ +/g, " ").trim());
  }
  return outline;
}
