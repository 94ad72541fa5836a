import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { LAB_PREFIX } from "./lab.ts";
import { vmGuestImage } from "./vm-guest-image.ts";

/** What a story said beside its report, for whoever looks into a failed test. */
const OUTPUTS = join(import.meta.dir, "../output");

/** As on a machine that has nothing else to do: what other work there is, is none of the box's. */
const QUIET = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0";

/** Not the last command: the shell is to stay the first process, and to collect those that have ended. */
const APART = `
set -e
mount --make-rshared /
for path in /run/netns /run/wireguard /etc/netns; do mount -t tmpfs tmpfs $path; done
printf '%s\\n' '${QUIET}' >/run/netns/quiet
for file in /proc/pressure/*; do [ ! -f "$file" ] || mount --bind /run/netns/quiet "$file"; done
"$0" "$@"; exit $?
`;

/**
 * Plays a story with real machines in namespaces of its own for processes, mounts and the network: a box's reaper ends whatever
 * it finds of leases, and all of the story ends together. What is mounted for a machine's disk is seen by a libvirt in it, which
 * has its own copy of the mounts.
 * @param name of the story's lab, and of the file of what it said
 * @param story a program; its arguments are the manifest of the small image, and these
 * @returns what its last line says
 * @throws Error when it ends with another status than 0, with the last of what it said
 */
export async function playApart<T>(name: string, story: string, ...args: string[]): Promise<T> {
  const { kernel } = await vmGuestImage("small");
  for (const path of ["/run/netns", "/run/wireguard", "/etc/netns"]) mkdirSync(path, { recursive: true });
  mkdirSync(OUTPUTS, { recursive: true });
  // While it goes on as well: a long run is looked at.
  const output = join(OUTPUTS, `${name}.log`);
  rmSync(output, { force: true });
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", APART, process.execPath, story, join(dirname(kernel), "manifest.json"), ...args],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: Bun.file(output) },
  );
  const text = await new Response(child.stdout).text();
  const status = await child.exited;
  // Of a story that has failed: what was mounted in it is gone by now.
  for (const entry of readdirSync("/tmp"))
    if (entry.startsWith(`${LAB_PREFIX}${name}-`))
      rmSync(join("/tmp", entry), { recursive: true, force: true });
  if (status !== 0) throw new Error(`${text.slice(-1_000)}\n${readFileSync(output, "utf8").slice(-8_000)}`);
  const report: T = JSON.parse(text.trim().split("\n").at(-1) ?? "");
  return report;
}
