import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Architecture, EMULATORS, MACHINES } from "../domain/domain-plan.ts";
import { ARM64_PLACE, ARM64_PROGRAM, X64_EXIT, x64Firmware } from "./kvm-guest.ts";

/** Whether guests can have the processor itself, and why not. */
export type KvmVerdict = { works: true } | { works: false; reason: string };

/**
 * Whether a processor runs guests by a module of the kernel's that may still be loaded. On 64-bit ARM KVM is a part of the kernel.
 *
 * @param cpuInfo what /proc/cpuinfo says
 */
export function hasGuestMode(cpuInfo: string): boolean {
  return /^flags[ \t]*:.* (?:svm|vmx)(?: |$)/m.test(cpuInfo);
}

export interface KvmProbeOptions {
  /** Default: this machine's. */
  architecture?: Architecture;
  /** Default: `EMULATORS`. */
  emulator?: string;
  /**
   * Default 60,000: the guest has been seen to end in 0.2 s even when it is emulated, but a small board has much to do when it
   * starts, and QEMU to be read from its card. Nothing waits for it but lending; taken for none, the processor would be emulated
   * until the daemon is started anew.
   */
  timeoutMs?: number;
  /** What runs the guest, in QEMU's words; a test takes `tcg` to see that the guest itself is right. */
  accelerator?: "kvm" | "tcg";
}

function guest(architecture: Architecture, folder: string): { arguments: string[]; exitCode: number } {
  const file = join(folder, "guest");
  writeFileSync(file, architecture === "x64" ? x64Firmware() : ARM64_PROGRAM);
  if (architecture === "x64")
    return {
      arguments: ["-bios", file, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
      exitCode: X64_EXIT,
    };
  return {
    arguments: ["-device", `loader,file=${file},addr=${ARM64_PLACE},cpu-num=0,force-raw=on`],
    exitCode: 0,
  };
}

/**
 * Runs a guest that does nothing but count. A device file proves nothing: /dev/kvm may be there and refuse, lack nested
 * virtualisation, or hang whoever opens it. So another process tries, and whether it can be ended or not, this
 * returns after `timeoutMs` at the latest.
 */
export async function probeKvm(options: KvmProbeOptions = {}): Promise<KvmVerdict> {
  const { timeoutMs = 60_000, accelerator = "kvm" } = options;
  const architecture = options.architecture ?? (process.arch === "arm64" ? "arm64" : "x64");
  const folder = mkdtempSync(join(tmpdir(), "omerta-kvm-"));
  try {
    const { arguments: ofGuest, exitCode } = guest(architecture, folder);
    // biome-ignore format: options and their values
    const command = [
      options.emulator ?? EMULATORS[architecture], "-accel", accelerator, "-machine", MACHINES[architecture],
      "-cpu", accelerator === "kvm" ? "host" : "max", "-m", "16", "-nodefaults", "-no-user-config",
      "-display", "none", "-no-reboot", ...ofGuest,
    ];
    return await outcome(command, exitCode, timeoutMs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How much of QEMU's last words is kept. */
const MAX_REASON = 500;

async function outcome(command: string[], exitCode: number, timeoutMs: number): Promise<KvmVerdict> {
  let child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  try {
    child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  } catch (error) {
    return { works: false, reason: error instanceof Error ? error.message : String(error) };
  }
  let words = "";
  const reader = child.stderr.getReader();
  const listened = (async () => {
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      words = (words + decoder.decode(value, { stream: true })).slice(-MAX_REASON);
    }
  })().catch(() => undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  const ended = await Promise.race([child.exited, late]);
  // Its last words may come after its end; never waited for beyond the time.
  if (ended !== undefined) await Promise.race([listened, late]);
  clearTimeout(timer);
  void reader.cancel().catch(() => undefined);
  if (ended === undefined) {
    // One that is in the kernel for good takes no signal (signal(7)); nothing here waits for it.
    child.kill("SIGKILL");
    child.unref();
    return { works: false, reason: `no guest ran within ${timeoutMs} ms` };
  }
  if (ended === exitCode) return { works: true };
  return { works: false, reason: words.trim() || `QEMU ended with status ${ended}` };
}
