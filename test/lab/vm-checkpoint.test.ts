import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeNeeding } from "../needs.ts";
import { LAB_PREFIX } from "./lab.ts";
import type { CheckpointReport } from "./vm-checkpoint-story.ts";
import { vmGuestImage } from "./vm-guest-image.ts";

const STORY = join(import.meta.dir, "vm-checkpoint-story.ts");
/** What the boxes said, for whoever looks into a failed test. */
const OUTPUTS = join(import.meta.dir, "../output");
const STORY_MS = 1_200_000;
/** Of what ends with its box. */
const GONE_WITHIN_S = 5;

/** In namespaces of its own, as its reapers end all that is named as a lease's, and so that all of it ends together. */
async function played(): Promise<CheckpointReport> {
  const { kernel } = await vmGuestImage("small");
  for (const path of ["/run/netns", "/run/wireguard", "/etc/netns"]) mkdirSync(path, { recursive: true });
  const script = [
    "set -e",
    // What is mounted for a step is to be seen by libvirt, which has its own copy of these.
    "mount --make-rshared /",
    "for path in /run/netns /run/wireguard /etc/netns; do mount -t tmpfs tmpfs $path; done",
    // Not the last command: the shell is to stay the first process, and to collect those that have ended.
    '"$0" "$@"; exit $?',
  ].join("\n");
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", script, process.execPath, STORY, join(dirname(kernel), "manifest.json")],
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
    if (entry.startsWith(`${LAB_PREFIX}vmckpt-`))
      rmSync(join("/tmp", entry), { recursive: true, force: true });
  mkdirSync(OUTPUTS, { recursive: true });
  writeFileSync(join(OUTPUTS, "vm-checkpoint.log"), errors);
  if (status !== 0) throw new Error(`${text.slice(-1_000)}\n${errors.slice(-8_000)}`);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as CheckpointReport;
}

const NEEDS = [
  ...(["root", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...(["program:qemu-img", "program:mmdebstrap", "program:nft", "program:wg", "program:dnsmasq"] as const),
  ...([
    "program:wireguard-go",
    "program:ssh",
    "program:ssh-keygen",
    "program:tcpdump",
    "program:unshare",
  ] as const),
];

describeNeeding(NEEDS, "a virtual machine that is saved", () => {
  let report: CheckpointReport;
  beforeAll(async () => {
    report = await played();
    const { saveMs, fetchMs, restoreMs, fileMiB, memoryMiB, goneAfterKillS } = report;
    console.log(
      `${memoryMiB} MiB saved in ${saveMs} ms as ${fileMiB} MiB, at home after ${fetchMs} ms; SSH answers ${restoreMs} ms after the request for it; after its box was killed nothing is left within ${goneAfterKillS} s`,
    );
  }, STORY_MS);

  test("leaves nothing on its box but the file", () => {
    expect(report.leftAfterSave).toEqual([]);
    expect(report.afterRelease).toBe("released");
  });

  test("goes on at another box, with what it had in memory and on its disk, its processes, and its requester's new tunnel", () => {
    const { before, after } = report;
    expect(before).toMatchObject({ file: "kept in memory", onDisk: "kept on disk" });
    const { file, onDisk, pid, bootId, hostKey } = before;
    expect(after).toMatchObject({ file, onDisk, pid, bootId, hostKey });
    expect(after.count).toBeGreaterThan(before.count);
    // It has not counted while it was in the file.
    expect(after.count - before.count).toBeLessThan(600);
  });

  test("is told the time, and has other randomness", () => {
    expect(Math.abs(report.after.clockMs)).toBeLessThan(5_000);
    expect(report.after.random).not.toBe(report.before.random);
  });

  test("sends nothing past its tunnel when it goes on", () => {
    expect(report.heardControl).toBe(true);
    expect(report.outside).toEqual([]);
    expect(report.reachesBox).toBe("not");
  });

  test("stands still without its requester's end of the tunnel, and ends", () => {
    // While it ends, libvirt may be asked just then.
    expect(report.untunnelled.states.filter((state) => state !== "in shutdown")).toEqual(["paused"]);
    expect(report.untunnelled.end).toStartWith("ended: tunnel: its requester does not answer");
  });

  test("is refused where it was changed, cut off or is another's, and where it cannot go on", () => {
    const why = (what: string) => report.refused[what] ?? "";
    expect(why("fetched by a stranger")).toContain("nothing of yours is here by that name");
    expect(why("brought by a stranger")).toContain("was not sealed for this one");
    expect(why("to a box with another image")).toContain(
      "checkpoint.image: small is another one on this box",
    );
    expect(why("that was cut off, before it is brought")).toContain("is not whole");
    const nothing = "request.restoreFrom: is nothing of yours that is here";
    expect(why("that is not there as a whole")).toContain(nothing);
    expect(why("asked for by a stranger")).toContain(nothing);
    expect(why("with another key")).toContain("was not sealed for this one, or it was changed");
    expect(why("that was changed")).toContain("checkpoint: was changed, or its key is another");
    expect(report.leftAfterRefusals).toEqual([]);
  });

  test("to make room for who goes first goes on elsewhere", () => {
    const { before, after } = report.displaced;
    const { file, onDisk, pid, bootId, hostKey } = before;
    expect(after).toMatchObject({ file, onDisk, pid, bootId, hostKey });
    expect(after.count).toBeGreaterThan(before.count);
    expect(report.journal).toContain("lease-ended displaced");
    expect(report.journal).toContain("lease-checkpointed");
  });

  test("and goes on ends with its box, though libvirt has promised nothing", () => {
    expect(report.beforeKill).toBeGreaterThan(0);
    expect(report.leftAfterKill).toEqual([]);
    expect(report.goneAfterKillS).toBeLessThan(GONE_WITHIN_S);
  });
});
