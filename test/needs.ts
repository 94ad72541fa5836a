import { describe } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Built by `src/setup/libvirt-binding.mjs`. */
export const hasLibvirtBinding = existsSync(
  join(import.meta.dir, "../node_modules/@unraid/libvirt/build/Release/libvirt.node"),
);

/** `python:`: a module of Debian's own Python. */
type Need = "root" | "x86-64" | "chromium" | "libvirt-binding" | `program:${string}` | `python:${string}`;

function missing(need: Need): string | undefined {
  if (need === "root") return process.getuid?.() === 0 ? undefined : "it needs root";
  if (need === "x86-64") return process.arch === "x64" ? undefined : "it needs an x86-64 computer";
  if (need === "libvirt-binding") return hasLibvirtBinding ? undefined : "@unraid/libvirt is not built";
  if (need.startsWith("python:")) {
    const module = need.slice("python:".length);
    return existsSync(`/usr/lib/python3/dist-packages/${module}`)
      ? undefined
      : `python3-${module} is not installed`;
  }
  const program = need === "chromium" ? "chromium" : need.slice("program:".length);
  // Debian keeps some of these where only root's PATH looks.
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
  return Bun.which(program, { PATH: path }) ? undefined : `${program} is not installed`;
}

/**
 * A group of tests that runs only where the machine has what it needs; elsewhere it is skipped, with the reason at
 * the end of its title for the run's summary.
 */
export function describeNeeding(needs: readonly Need[], title: string, body: () => void): void {
  const why = needs.map(missing).find((reason) => reason !== undefined);
  if (why === undefined) describe(title, body);
  else describe.skip(`${title} [skipped: ${why}]`, body);
}

/**
 * The same, of what takes longer than the rest together: only where a variable of the environment asks for it.
 * @param takes how long, in words
 */
export function describeAsked(
  variable: string,
  takes: string,
  needs: readonly Need[],
  title: string,
  body: () => void,
): void {
  if (process.env[variable] !== undefined) describeNeeding(needs, title, body);
  else describe.skip(`${title} [skipped: ${variable}=1 runs it, which takes ${takes}]`, body);
}

/** What every lab with a box needs. */
export const LAB_NEEDS: readonly Need[] = [
  "root",
  "program:nft",
  "program:dnsmasq",
  "program:conntrack",
  "program:udhcpc",
];

/** What every machine of `test/guest` needs. */
export const GUEST_NEEDS: readonly Need[] = [
  "root",
  "x86-64",
  "program:qemu-system-x86_64",
  "program:mmdebstrap",
  "program:mksquashfs",
  "program:xz",
];
