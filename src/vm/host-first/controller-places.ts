/**
 * What the group of all virtual machines is limited by, and what its leases are measured by. libvirt wants the group in
 * every hierarchy that it knows; `unified` is the one of version 2, whatever controllers it has.
 */
export const CONTROLLERS = [
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "io",
  "blkio",
  "pids",
  "devices",
  "freezer",
  "perf_event",
  "net_cls",
  "net_prio",
  "hugetlb",
  "unified",
] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Where a controller's hierarchy is mounted, and of which kind it is. */
export interface ControllerPlace {
  version: 1 | 2;
  mount: string;
}
export type ControllerPlaces = ReadonlyMap<Controller, ControllerPlace>;

/** Lines of a mount table that are read at most. */
const MAX_LINES = 4_096;

const isController = (name: string): name is Controller => CONTROLLERS.some((known) => known === name);

/** Spaces, tabs, line feeds and backslashes of paths are octal (proc_pid_mountinfo(5)). */
export const unescapedPath = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

export interface Mount {
  /** Which part of its file system is shown; "/" for the whole. */
  part: string;
  at: string;
  type: string;
  source: string;
  /** Of the file system itself, as "rw", "cpu", "size=1024k". */
  options: readonly string[];
}

/** @param mountinfo of /proc/self/mountinfo (proc_pid_mountinfo(5)); lines that are something else are left out */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n", MAX_LINES).flatMap((line) => {
    const [before, after] = line.split(" - ", 2);
    const [, , , part, at] = (before ?? "").split(" ");
    const [type, source, options] = (after ?? "").split(" ");
    if (part === undefined || at === undefined || !type || source === undefined) return [];
    const from = unescapedPath(source);
    return [{ part, at: unescapedPath(at), type, source: from, options: (options ?? "").split(",") }];
  });
}

/**
 * Where each controller is to be found: a hierarchy of version 1 has those of its mount, the one of version 2 what no
 * other has taken (cgroups(7)). Both kinds may be there at once. What shows only a part of a hierarchy, as in a
 * container, does not count: limits beneath it are somebody else's.
 * @param unified controllers that the hierarchy of version 2 has: its root's `cgroup.controllers`; undefined where that cannot be
 * read, as where something else is mounted over it
 */
export function controllerPlaces(
  mounts: readonly Mount[],
  unified: (mount: string) => string | undefined,
): ControllerPlaces {
  const places = new Map<Controller, ControllerPlace>();
  for (const { at, options } of mounts.filter(({ type, part }) => type === "cgroup" && part === "/")) {
    for (const name of options.filter(isController)) places.set(name, { version: 1, mount: at });
  }
  const second = mounts.find(({ type, part }) => type === "cgroup2" && part === "/");
  const has = second && unified(second.at);
  if (second && has !== undefined) {
    places.set("unified", { version: 2, mount: second.at });
    for (const name of has.trim().split(/\s+/).filter(isController))
      if (!places.has(name)) places.set(name, { version: 2, mount: second.at });
  }
  return places;
}
