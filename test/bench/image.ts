import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { run } from "../../src/host/run.ts";
import { BoxMachine } from "../image/box-machine.ts";
import { pcImage } from "../image/pc-image.ts";
import type { Bench, BenchContext } from "./bench.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { median } from "./samples.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const BOOT_MS = 900_000;
const BUILD_MS = 1_800_000;
const PLAIN = "the same Debian without our units";
const SSID = "Omerta Box";
/** In both: the radios that a real board has. */
const RADIOS = "modules_load=mac80211_hwsim mac80211_hwsim.radios=2";
/** Waited for without a look, which would take time from what is measured; when it was says the kernel: its first frame may go. */
const ON_THE_AIR = `grep -a -q -m 1 '(ap0) entered forwarding state$' /dev/kmsg
  until iw dev | grep -q 'ssid ${SSID}$'; do sleep 2; done
  dmesg | sed -n 's/^\\[ *\\([0-9.]*\\)\\].*(ap0) entered forwarding state$/at \\1/p' | tail -n 1
  sed 's/^/now /' /proc/uptime`;
const BIGGEST = 12;

interface Boot {
  /** From when the power was turned on to what was waited for, in s. */
  seconds: number;
  usedMiB: number;
  /** Resident memory of the largest processes. */
  processes: string;
}

/** How fast the flashed image is there, and how large it is. */
export const image: Bench = {
  name: "image",
  needsLab: false,
  summary:
    "the image for PCs in QEMU: power on to open network beside the same Debian without it; memory; size",
  notes: [
    `both start the very same disk in QEMU's emulation (no KVM), by turns. Ours: until hostapd has the open network on an emulated radio, and the guests' bridge forwards from there. Reference: until multi-user.target, with our units masked.`,
    "used memory is what free(1) says then, 20 s after.",
  ],
  parts: ["boot", "size"],
  run: async (context) => [
    ...(context.wants("boot") ? await bootRows(context) : []),
    ...(context.wants("size") ? await sizeRows(context) : []),
  ],
};

async function bootRows({ quick, progress }: BenchContext): Promise<BenchRow[]> {
  const { image: path } = await pcImage();
  const ours: Boot[] = [];
  const plain: Boot[] = [];
  for (let round = 0; round < (quick ? 1 : 5); round += 1) {
    plain.push(await booted(path, `${RADIOS} ${masked()}`, false));
    ours.push(await booted(path, RADIOS, true));
    const [last, before] = [ours.at(-1), plain.at(-1)];
    progress(`round ${round + 1}: ${last?.seconds.toFixed(1)} s beside ${before?.seconds.toFixed(1)} s`);
  }
  progress(`memory by process:\n${ours.at(-1)?.processes}`);
  const middle = (boots: readonly Boot[], of: (boot: Boot) => number) => median(boots.map(of));
  return [
    benchRow({
      ...{ name: "power on to open network", unit: "s", goal: { of: "ratio", below: 1.2 } },
      ...{ ours: middle(ours, ({ seconds }) => seconds), referenceName: PLAIN },
      reference: middle(plain, ({ seconds }) => seconds),
    }),
    benchRow({
      ...{ name: "memory used", unit: "MiB", ours: middle(ours, ({ usedMiB }) => usedMiB) },
      ...{ reference: middle(plain, ({ usedMiB }) => usedMiB), referenceName: PLAIN },
    }),
  ];
}

/** The kernel's words that keep our units from being started (systemd-debug-generator(8)). */
function masked(): string {
  const units = readdirSync(join(PROJECT, "rootfs-overlay/etc/systemd/system"))
    .filter((name) => /^omerta-.*\.(service|timer|path|socket)$/.test(name))
    // Of these the data are mounted: that is the image's.
    .filter((name) => !name.startsWith("omerta-data"));
  return units.map((name) => `systemd.mask=${name}`).join(" ");
}

/** Seconds from when the power was turned on until the open network was there. */
async function untilOnTheAir(machine: BoxMachine): Promise<number> {
  const { text } = await machine.shell(ON_THE_AIR, BOOT_MS);
  const [, at] = /^at ([\d.]+)$/m.exec(text) ?? [];
  const [, now] = /^now ([\d.]+)/m.exec(text) ?? [];
  if (at === undefined || now === undefined) throw new Error(`the kernel does not say since when: ${text}`);
  return machine.seconds() - (Number(now) - Number(at));
}

/** @param onTheAir whether the open network is waited for; otherwise that systemd says that all has started */
async function booted(path: string, kernelArguments: string, onTheAir: boolean): Promise<Boot> {
  const machine = await BoxMachine.start("bench", { image: path, kernelArguments });
  try {
    const seconds = onTheAir ? await untilOnTheAir(machine) : await machine.untilStarted(BOOT_MS);
    await machine.untilStarted(BOOT_MS);
    const { text } = await machine.shell(
      `sleep 20; free -m | sed -n 's/^Mem: *[0-9]* *\\([0-9]*\\).*/used \\1/p'
       ps -eo rss,args --sort=-rss | head -n ${BIGGEST} | cut -c1-110`,
      BOOT_MS,
    );
    const [, used = "NaN", processes = ""] = /^used (\d+)\n([\s\S]*)$/m.exec(text) ?? [];
    return { seconds, usedMiB: Number(used), processes };
  } finally {
    await machine.stop();
  }
}

/** As a community downloads it: without what tests need, packed. */
async function sizeRows({ progress }: BenchContext): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "omb-bench-image-"));
  try {
    progress("an image is built and packed");
    const command = ["image-build/main.ts", "--board", "pc-amd64", "--xz", "--into", folder];
    await run(["flock", join(PROJECT, "node_modules/.image-lock"), process.execPath, ...command], {
      cwd: PROJECT,
      timeoutMs: BUILD_MS,
    });
    const packed = readdirSync(folder).find((name) => name.endsWith(".img.xz"));
    if (packed === undefined || !existsSync(join(folder, packed)))
      throw new Error(`no packed image among ${readdirSync(folder).join(", ")}`);
    return [
      benchRow({
        ...{ name: basename(packed), unit: "MB", ours: statSync(join(folder, packed)).size / 1e6 },
        goal: { of: "ours", atMost: 450 },
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
