import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readContents, readTar } from "../tar/read-tar.ts";

/** A Debian package that something in the image is from. */
export interface DebianPackage {
  name: string;
  version: string;
  architecture: string;
  /** What it was built from, which its licence is about. */
  source: string;
  /** Installed, or only unpacked and taken from. */
  isInstalled: boolean;
}

/** @param base Debian's part of the image, a tar  @param unpacked the folder with what was only unpacked */
export function debianPackages(base: string, unpacked: string): DebianPackage[] {
  const status = readTar(base).find(({ path }) => path === "var/lib/dpkg/status");
  if (status === undefined) throw new Error("Debian's part of the image has no list of its packages");
  return [
    ...installedPackages(readContents(base, status).toString("utf8")),
    ...unpackedPackages(readFileSync(join(unpacked, "packages.tsv"), "utf8")),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param text dpkg's `status` (deb822(5)) */
export function installedPackages(text: string): DebianPackage[] {
  return text.split("\n\n").flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1];
    const name = field("Package");
    const version = field("Version");
    const architecture = field("Architecture");
    if (!name || !version || !architecture || field("Status") !== "install ok installed") return [];
    return [{ name, version, architecture, source: field("Source") ?? name, isInstalled: true }];
  });
}

/** @param text as `debian/unpack.sh` writes it: name, version, architecture, source, and its version */
export function unpackedPackages(text: string): DebianPackage[] {
  return text.split("\n").flatMap((line) => {
    const [name, version, architecture, source] = line.split("\t");
    if (!name || !version || !architecture || !source) return [];
    return [{ name, version, architecture, source, isInstalled: false }];
  });
}
