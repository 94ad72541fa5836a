import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../host/run.ts";
import { raucRefusal } from "./bundle/rauc-bundle.ts";
import { SLOTS, type Slot } from "./update-state.ts";
import type { Running } from "./update-step.ts";

/** What a machine that was made from an image can do for its own update. */
export interface Machine {
  /** Reads what runs. @throws when the boot loader does not say */
  running(): Promise<Running>;
  readonly compatible: string;
  /** Why this board cannot try another system; undefined where it can. */
  unable(): Promise<string | undefined>;
  /** Whether the system in the other slot has been found good at some time. */
  isGood(slot: Slot): Promise<boolean>;
  /** @throws {RefusedError} when RAUC does not want it */
  install(file: string): Promise<void>;
  /** Restarts into a slot, for once. */
  try(slot: Slot): Promise<void>;
  restart(): Promise<void>;
  /** What runs is what starts from now on. */
  confirm(): Promise<void>;
  /** What was written down when a trial was ended from outside; it is taken away. */
  watchSaid(): string | undefined;
}

/** `/etc/os-release` of an image (os-release(5)); undefined on a machine that was not made from one. */
export function imageFacts(osRelease: string): { compatible: string; version: string } | undefined {
  const field = (name: string) =>
    new RegExp(`^${name}=(?:"([^"]*)"|'([^']*)'|(.*))$`, "m")
      .exec(osRelease)
      ?.slice(1)
      .find((one) => one !== undefined) ?? "";
  if (field("IMAGE_ID") !== "omerta-box") return undefined;
  return { compatible: `omerta-box-${field("VARIANT_ID")}`, version: field("IMAGE_VERSION") };
}

const BOOT_SLOT = "/usr/lib/omerta-box/boot-slot";
/** Writing a few hundred megabytes onto a slow card. */
const INSTALL_TIMEOUT_MS = 60 * 60_000;
const BUSY_MS = 10_000;

/** @param stateFolder where `trial-watch` leaves its word. @returns undefined on a machine that was not made from an image */
export function openMachine(stateFolder: string): Machine | undefined {
  const image = imageFacts(readText("/etc/os-release"));
  return image && new ImageMachine(image, join(stateFolder, "update", "watch.txt"));
}

/** RAUC and systemd do what needs rights: they are asked over D-Bus. */
class ImageMachine implements Machine {
  constructor(
    private readonly image: { compatible: string; version: string },
    private readonly watchFile: string,
  ) {}

  get compatible(): string {
    return this.image.compatible;
  }

  async running(): Promise<Running> {
    const current = (await run([BOOT_SLOT, "get-current"])).trim();
    const slot = SLOTS.find((one) => one === current);
    const why = (await run([BOOT_SLOT, "why"])).trim();
    if (!slot) throw new Error(`boot-slot: slot "${current}"`);
    return {
      slot,
      version: this.image.version,
      start: why === "trial" || why === "fallback" ? why : "normal",
      bootId: readText("/proc/sys/kernel/random/boot_id").trim(),
    };
  }

  async unable(): Promise<string | undefined> {
    const { exitCode, stderr } = await tryRun([BOOT_SLOT, "able"]);
    return exitCode === 0 ? undefined : stderr.trim().replace(/^boot-slot: /, "");
  }

  async isGood(slot: Slot): Promise<boolean> {
    return (await run([BOOT_SLOT, "get-state", slot])).trim() === "good";
  }

  async install(file: string): Promise<void> {
    for (;;) {
      const { exitCode, stdout, stderr } = await tryRun(["rauc", "install", file], {
        timeoutMs: INSTALL_TIMEOUT_MS,
        env: { LC_ALL: "C" },
      });
      if (exitCode === 0) return;
      // RAUC goes on with what it was told by a daemon that was killed meanwhile.
      if (/already processing|already running/i.test(stdout + stderr)) {
        await Bun.sleep(BUSY_MS);
        continue;
      }
      throw raucRefusal(/LastError: (.*)/.exec(stdout)?.[1] ?? stderr);
    }
  }

  async try(slot: Slot): Promise<void> {
    // RAUC names slots by their class and index.
    await run(["rauc", "status", "mark-active", `rootfs.${SLOTS.indexOf(slot)}`], { timeoutMs: 60_000 });
    await this.restart();
  }

  async restart(): Promise<void> {
    await run(["systemctl", "reboot"], { timeoutMs: 60_000 });
  }

  async confirm(): Promise<void> {
    await run(["rauc", "status", "mark-good", "booted"], { timeoutMs: 60_000 });
  }

  watchSaid(): string | undefined {
    const said = readText(this.watchFile).trim().slice(0, 500);
    rmSync(this.watchFile, { force: true });
    return said === "" ? undefined : said;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
