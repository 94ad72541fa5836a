import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { namesIn } from "../debian/package-list.ts";
import { readContents, readTar } from "../tar/read-tar.ts";
import type { TarFile } from "../tar/write-tar.ts";

const WANTED_FOR = { WantedBy: "wants", RequiredBy: "requires" } as const;

/**
 * The links by which a unit starts, as `systemctl enable` makes them from its [Install] section (systemd.unit(5)).
 * @param path of the unit, without `/` before it
 */
export function enablingLinks(path: string, text: string): TarFile[] {
  const install = /^\[Install\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(text)?.[1] ?? "";
  const link = (at: string): TarFile => ({ path: `etc/systemd/system/${at}`, is: { link: `/${path}` } });
  return install.split("\n").flatMap((line) => {
    const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line.trim()) ?? [];
    const names = value.split(/\s+/).filter((name) => name !== "");
    if (key === "Alias") return names.map(link);
    if (key !== "WantedBy" && key !== "RequiredBy") return [];
    return names.map((name) => link(`${name}.${WANTED_FOR[key]}/${basename(path)}`));
  });
}

/** Nobody logs in on a box: no programs that ask for a name and a password, of which none is right, and none around them. */
const MASKED = [
  "console-getty.service",
  "e2scrub_reap.service",
  "getty@.service",
  "getty.target",
  "serial-getty@.service",
  "systemd-hostnamed.socket",
  "systemd-logind.service",
  "systemd-user-sessions.service",
];

export function maskingLinks(): TarFile[] {
  return MASKED.map((name) => ({ path: `etc/systemd/system/${name}`, is: { link: "/dev/null" } }));
}

/** Whether a file is a unit of systemd where the operator's are. */
export function isOwnUnit(path: string): boolean {
  return dirname(path) === "etc/systemd/system" && /\.(service|socket|mount|path|timer|target)$/.test(path);
}

/** Links for Debian's units of `units.txt`. @param base a tar with them @throws {Error} when one is not there */
export function debianUnitLinks(base: string): TarFile[] {
  const units = new Map(readTar(base).map((entry) => [entry.path, entry]));
  return namesIn(readFileSync(join(import.meta.dir, "units.txt"), "utf8")).flatMap((name) => {
    const path = `usr/lib/systemd/system/${name}`;
    const entry = units.get(path);
    if (entry === undefined) throw new Error(`Debian's packages have no ${path}`);
    return enablingLinks(path, readContents(base, entry).toString("utf8"));
  });
}
