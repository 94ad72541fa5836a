import type { Random } from "../../src/bench/seeded-random.ts";

/** Hosts and the segments (switched Ethernets) that they share; hosts are numbers from 0. */
export interface Shape {
  readonly hosts: number;
  /** The members of each segment; a cable between two hosts is a segment of two. */
  readonly segments: readonly (readonly number[])[];
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Everyone on one switch. */
export const flatLan = (hosts: number): Shape => ({ hosts, segments: [numbers(hosts)] });

/** Everyone on each of several switches: every pair is `lans`-homed. */
export const parallelLans = (hosts: number, lans: number): Shape => ({
  hosts,
  segments: numbers(lans).map(() => numbers(hosts)),
});

export const line = (hosts: number): Shape => ({
  hosts,
  segments: numbers(hosts - 1).map((host) => [host, host + 1]),
});

export const ring = (hosts: number): Shape => ({
  hosts,
  segments: numbers(hosts).map((host) => [host, (host + 1) % hosts]),
});

/**
 * A street grid, with some links more between hosts taken at random.
 * @param extra how many links are added; fewer where hardly any pair is left
 */
export function grid(rows: number, columns: number, extra = 0, random: Random = Math.random): Shape {
  const hosts = rows * columns;
  const segments = numbers(hosts).flatMap((host) => [
    ...(host % columns < columns - 1 ? [[host, host + 1]] : []),
    ...(host + columns < hosts ? [[host, host + columns]] : []),
  ]);
  const linked = new Set(segments.map(([a, b]) => `${a}-${b}`));
  for (let added = 0, tries = 0; added < extra && tries < extra * 20; tries += 1) {
    const [a, b] = [Math.floor(random() * hosts), Math.floor(random() * hosts)].sort((x, y) => x - y);
    if (a === undefined || b === undefined || a === b || linked.has(`${a}-${b}`)) continue;
    linked.add(`${a}-${b}`);
    segments.push([a, b]);
    added += 1;
  }
  return { hosts, segments };
}

/** Pairs, each joined by two cables of its own and to no other pair. */
export const dualHomedPairs = (pairs: number): Shape => ({
  hosts: pairs * 2,
  segments: numbers(pairs).flatMap((pair) => [
    [pair * 2, pair * 2 + 1],
    [pair * 2, pair * 2 + 1],
  ]),
});
