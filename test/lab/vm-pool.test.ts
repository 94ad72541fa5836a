import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeNeeding } from "../needs.ts";
import { LAB_PREFIX } from "./lab.ts";
import { vmGuestImage } from "./vm-guest-image.ts";
import type { PoolReport } from "./vm-pool-story.ts";

const STORY = join(import.meta.dir, "vm-pool-story.ts");
/** What the box said, for whoever looks into a failed test. */
const OUTPUTS = join(import.meta.dir, "../output");
const BUILD_MS = 900_000;
const STORY_MS = 900_000;
const GONE_WITHIN_S = 5;

/** In namespaces of its own, as its reaper ends all that is named as a lease's, and so that all of it ends together. */
async function played(image: "small" | "debian", diskMiB: number): Promise<PoolReport> {
  const { kernel } = await vmGuestImage(image);
  for (const path of ["/run/netns", "/run/wireguard", "/etc/netns"]) mkdirSync(path, { recursive: true });
  const script = [
    "set -e",
    // What is mounted for a machine's disk is to be seen by libvirt, which has its own copy of these.
    "mount --make-rshared /",
    "for path in /run/netns /run/wireguard /etc/netns; do mount -t tmpfs tmpfs $path; done",
    // Not the last command: the shell is to stay the first process, and to collect those that have ended.
    '"$0" "$@"; exit $?',
  ].join("\n");
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...[
        "sh",
        "-c",
        script,
        process.execPath,
        STORY,
        join(dirname(kernel), "manifest.json"),
        String(diskMiB),
      ],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const status = await child.exited;
  // Of a story that has failed: what was mounted in it is gone by now.
  for (const entry of readdirSync("/tmp"))
    if (entry.startsWith(`${LAB_PREFIX}vmpool-`))
      rmSync(join("/tmp", entry), { recursive: true, force: true });
  mkdirSync(OUTPUTS, { recursive: true });
  writeFileSync(join(OUTPUTS, `vm-pool-${image}.log`), errors);
  if (status !== 0) throw new Error(`${text.slice(-1_000)}\n${errors.slice(-6_000)}`);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as PoolReport;
}

const NEEDS = [
  ...(["root", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...(["program:mmdebstrap", "program:nft", "program:wg", "program:wireguard-go"] as const),
  ...(["program:ssh", "program:ssh-keygen", "program:tcpdump", "program:unshare"] as const),
];

describeNeeding(NEEDS, "a pool of machines that wait", () => {
  test(
    "gives each to one lease, is filled again, gives way, and leaves nothing, however it ends",
    async () => {
      const report = await played("small", 0);
      const { claims, restored, logins } = report;
      console.log(
        `file of ${report.fileMiB} MiB after ${report.fileS} s, two that wait after ${report.fullS} s, again after ${report.refilledS} s`,
      );
      for (const [what, { bannerMs, steps }] of [
        ...claims.map((one) => ["claim", one] as const),
        ["made of the file at once", restored] as const,
      ])
        console.log(`${what}: SSH's banner after ${bannerMs} ms ${JSON.stringify(steps)}`);
      console.log(`daemon killed: nothing left after ${report.goneAfterKillS} s`);

      expect(report.waitingStates.length).toBeGreaterThanOrEqual(2);
      expect(new Set(report.waitingStates)).toEqual(new Set(["paused"]));
      const kinds = new Set(report.waitingLinks.map(({ name }) => name.slice(0, 3)));
      expect(kinds).toEqual(new Set(["lo", "omt", "omw"]));
      for (const { name, up, packets } of report.waitingLinks) {
        expect(packets).toBe(0);
        if (name.startsWith("omt")) expect(up).toBe(false);
      }
      expect(report.heardControl).toBeGreaterThan(0);
      expect(report.heardOutside).toBe(0);

      for (const what of ["hostKey", "random", "uuid", "bootId"] as const)
        expect(new Set(logins.map((login) => login[what])).size).toBe(3);
      // The image may have none: then nobody can know a machine by it.
      const ids = logins.map(({ machineId }) => machineId).filter((id) => id !== "");
      expect(new Set(ids).size).toBe(ids.length);

      expect(report.pressed).toEqual({ machines: 0, files: 0 });
      expect(report.leftAfterStop).toEqual([]);
      expect(report.beforeKill).toBeGreaterThan(8);
      expect(report.leftAfterKill).toEqual([]);
      expect(report.goneAfterKillS).toBeLessThan(GONE_WITHIN_S);
    },
    BUILD_MS + STORY_MS,
  );
});
