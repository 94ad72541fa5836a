import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { namespaceNumber, processTable } from "../../host/process-table.ts";
import { VMS_GROUP } from "../host-first/index.ts";
import {
  type Belonging,
  type LeaseObject,
  tagOfCgroup,
  tagOfDomain,
  tagOfFile,
  tagOfLink,
  tagOfNamespace,
} from "./belongings.ts";
import { leaseProcesses } from "./lease-processes.ts";
import { type MountEntry, parseMountTable } from "./mount-table.ts";

/** Where on this machine something of a lease may be. */
export interface Grounds {
  /** Folders whose entries may be a lease's: overlays, sockets, files of process ids. Only entries named by a lease are. */
  folders: readonly string[];
  /** Folders in which others, as libvirt, write process ids of machines. They keep them in order themselves. */
  pidFolders: readonly string[];
  /** Names of cgroups below which there are those of leases, in whatever hierarchy: "machine.slice". */
  cgroupParents: readonly string[];
  /** Whether encrypted disks of leases are this box's: the device mapper's names are the same in all namespaces. */
  hasVolumes: boolean;
}

/** ip-netns(8). */
const NETNS_FOLDER = "/run/netns";
/** dmsetup(8). */
const MAPPER_FOLDER = "/dev/mapper";

/** What every box has; `folders` are to be added: the run folder, and that of the overlays. */
export const SYSTEM_GROUNDS: Grounds = {
  // wireguard-go's sockets, which it leaves when it is killed; and a resolv.conf of a namespace's own.
  folders: ["/run/wireguard", "/etc/netns"],
  pidFolders: ["/run/libvirt/qemu"],
  cgroupParents: [VMS_GROUP, "machine", "machine.slice"],
  hasVolumes: true,
};

/** All that belongs to leases on this machine, but for what only libvirt knows. Needs root to see all. */
export function findBelongings(grounds: Grounds, own: ReadonlySet<number>): Belonging[] {
  const mounts = parseMountTable(readOr("/proc/self/mountinfo"));
  const namespaces = named("namespace", entriesOf(NETNS_FOLDER), tagOfNamespace);
  const ownNumber = namespaceNumber("/proc/self/ns/net");
  const byNumber = new Map(
    namespaces.flatMap(({ name, lease }) => {
      const number = namespaceNumber(join(NETNS_FOLDER, name));
      return number === undefined || number === ownNumber ? [] : [[number, lease] as const];
    }),
  );
  const hints = { namespaces: byNumber, pidFiles: pidFiles([...grounds.folders, ...grounds.pidFolders]) };
  return [
    ...leaseProcesses(processTable(), hints, own),
    ...namespaces,
    ...named("link", linkNames(), tagOfLink),
    ...cgroups(mounts, grounds.cgroupParents),
    ...mountsIn(mounts, grounds.folders),
    ...(grounds.hasVolumes ? named("volume", entriesOf(MAPPER_FOLDER), tagOfDomain) : []),
    ...grounds.folders.flatMap((folder) =>
      named("file", entriesOf(folder), tagOfFile).map((file) => ({ ...file, name: join(folder, file.name) })),
    ),
  ];
}

function named(
  kind: LeaseObject["kind"],
  names: readonly string[],
  tagOf: (name: string) => string | undefined,
): LeaseObject[] {
  return names.flatMap((name) => {
    const lease = tagOf(name);
    return lease === undefined ? [] : [{ kind, lease, name }];
  });
}

/** Of this network namespace. In /sys there may be those of another. */
const linkNames = (): string[] =>
  readOr("/proc/self/net/dev")
    .split("\n")
    .slice(2)
    .map((line) => line.split(":")[0]?.trim() ?? "");

function pidFiles(folders: readonly string[]): Map<number, string> {
  const found = folders.flatMap((folder) =>
    entriesOf(folder).flatMap((name) => {
      const lease = name.endsWith(".pid") ? tagOfDomain(name.slice(0, -".pid".length)) : undefined;
      const pid = lease === undefined ? 0 : Number.parseInt(readOr(join(folder, name)), 10);
      return lease === undefined || !(pid > 1) ? [] : [[pid, lease] as const];
    }),
  );
  return new Map(found);
}

/** The outermost group of each lease in each hierarchy. */
function cgroups(mounts: readonly MountEntry[], parents: readonly string[]): LeaseObject[] {
  return mounts
    .filter(({ type }) => type === "cgroup" || type === "cgroup2")
    .flatMap(({ path }) => ["", ...parents].map((parent) => join(path, parent)))
    .flatMap((folder) =>
      named("cgroup", entriesOf(folder), tagOfCgroup).map((one) => ({
        ...one,
        name: join(folder, one.name),
      })),
    );
}

/** What is mounted on a lease's entry of one of the folders, or below it; the innermost first. */
function mountsIn(mounts: readonly MountEntry[], folders: readonly string[]): LeaseObject[] {
  return mounts
    .flatMap(({ path: name }) => {
      for (let path = name; path !== "/" && path !== "."; path = dirname(path)) {
        const lease = folders.includes(dirname(path)) ? tagOfFile(basename(path)) : undefined;
        if (lease !== undefined) return [{ kind: "mount" as const, lease, name }];
      }
      return [];
    })
    .reverse();
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // There is none: nobody has made one yet.
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
