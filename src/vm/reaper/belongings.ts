import { NAME_PREFIXES } from "../guest-link.ts";

/** How many hexadecimal digits of a lease's id are in the names of what belongs to it, see `leaseNames`. */
const TAG_DIGITS = 10;

/** A process that works for a lease. Its number alone could be another's by now. */
export interface LeaseProcess {
  kind: "process";
  lease: string;
  /** Of its program: "qemu-system-x86_64". */
  name: string;
  pid: number;
  /** When it was started, in clock ticks since boot (proc(5), /proc/pid/stat, field 22). */
  startTicks: string;
}

/**
 * `namespace`: of the network, by name; `link`: in the host's own namespace, by name; `cgroup`, `mount`, `file`: by path;
 * `volume`: an encrypted disk's mapping, by name; `domain`: one that libvirt knows, by name.
 */
export interface LeaseObject {
  kind: "namespace" | "link" | "cgroup" | "mount" | "volume" | "file" | "domain";
  lease: string;
  name: string;
}

/** Something on this machine that belongs to a lease, which is named by the first ten digits of its id: its tag. */
export type Belonging = LeaseProcess | LeaseObject;

/** @param lease a lease's id */
export const leaseTag = (lease: string): string => lease.slice(0, TAG_DIGITS);

const TAG = `([0-9a-f]{${TAG_DIGITS}})`;
const { namespace, tap, tunnel, domain } = NAME_PREFIXES;
const NAMESPACE = new RegExp(`^${namespace}${TAG}$`);
const LINK = new RegExp(`^(?:${tap}|${tunnel})${TAG}$`);
const TUNNEL = new RegExp(`^${tunnel}${TAG}$`);
const DOMAIN = new RegExp(`^${domain}${TAG}$`);
/** libvirt's `qemu-3-NAME.libvirt-qemu` without systemd, `machine-qemu-3-NAME.scope` with it, and a group by the name alone. */
const CGROUP = new RegExp(
  `^(?:machine-)?(?:qemu-\\d+-)?${domain}${TAG}(?:\\.(?:libvirt-qemu|scope|slice))?$`,
);
/** A lease's name with no letter or digit at either side, or its whole id at the beginning. */
const FILE = new RegExp(
  `(?:^|[^0-9A-Za-z])(?:${domain}|${tap}|${tunnel})${TAG}(?![0-9A-Za-z])|^${TAG}[0-9a-f]{22}(?![0-9A-Za-z])`,
);

const tagBy = (pattern: RegExp, name: string): string | undefined => {
  const found = pattern.exec(name);
  return found?.[1] ?? found?.[2];
};

/** The tag of the lease to which a name belongs; undefined: to none. */
export const tagOfNamespace = (name: string): string | undefined => tagBy(NAMESPACE, name);
export const tagOfLink = (name: string): string | undefined => tagBy(LINK, name);
export const tagOfTunnel = (name: string): string | undefined => tagBy(TUNNEL, name);
export const tagOfDomain = (name: string): string | undefined => tagBy(DOMAIN, name);
export const tagOfFile = (name: string): string | undefined => tagBy(FILE, name);

/** @param path of a cgroup; systemd writes a dash within a name as `\x2d` (systemd.unit(5), string escaping) */
export function tagOfCgroup(path: string): string | undefined {
  for (const part of path.replaceAll("\\x2d", "-").split("/")) {
    const tag = tagBy(CGROUP, part);
    if (tag !== undefined) return tag;
  }
  return undefined;
}

/** One line of it, for people. */
export const belongingText = (one: Belonging): string =>
  one.kind === "process" ? `process ${one.pid} (${one.name})` : `${one.kind} ${one.name}`;

/** The same for the same thing. */
export const belongingKey = (one: Belonging): string =>
  one.kind === "process" ? `process ${one.pid} ${one.startTicks}` : `${one.kind} ${one.name}`;
