import { type Belonging, belongingKey, type LeaseProcess, leaseTag } from "./belongings.ts";

/**
 * What is ended first. A machine without a processor sends nothing more; its namespace goes only when nobody runs in it; and a
 * medium can be taken away, or a group removed, when nobody uses it.
 */
const ORDER: readonly Belonging["kind"][] = [
  "process",
  "namespace",
  "link",
  "cgroup",
  "mount",
  "volume",
  "file",
  "domain",
];

/**
 * What is to be ended, in this order: all that was found of leases that nobody looks after any more.
 * @param live ids of the leases that somebody does look after
 */
export function planReaping(found: readonly Belonging[], live: readonly string[]): Belonging[] {
  const spared = new Set(live.map(leaseTag));
  const once = new Map(found.map((one) => [belongingKey(one), one]));
  const wanted = [...once.values()].filter(({ lease }) => !spared.has(lease));
  return ORDER.flatMap((kind) => wanted.filter((one) => one.kind === kind));
}

/** For `ip -force -batch -`: one call for all, for each costs some milliseconds of its own. "" where there is nothing to do. */
export function ipBatch(plan: readonly Belonging[]): string {
  return plan
    .flatMap(({ kind, name }) => {
      if (kind === "namespace") return [`netns del ${name}\n`];
      return kind === "link" ? [`link del ${name}\n`] : [];
    })
    .join("");
}

export const processesOf = (plan: readonly Belonging[]): LeaseProcess[] =>
  plan.filter((one) => one.kind === "process");

/** @returns the names of one kind of objects */
export const namesOf = (
  plan: readonly Belonging[],
  wanted: Exclude<Belonging["kind"], "process">,
): string[] => plan.filter(({ kind }) => kind === wanted).map(({ name }) => name);
