import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Architecture, EMULATORS, MACHINES } from "../domain/domain-plan.ts";

/** Whether guests can have the processor itself, and why not. */
export type KvmVerdict = { works: true } | { works: false; reason: string };

export interface KvmProbeOptions {
  /** Default: this machine's. */
  architecture?: Architecture;
  /** Default: `EMULATORS`. */
  emulator?: string;
  /** Default 5,000; a guest of a few instructions ends within 0.1 s. */
  timeoutMs?: number;
  /** What runs the guest, in QEMU's words; a test takes `tcg` to see that the guest itself is right. */
  accelerator?: "kvm" | "tcg";
}

/** Firmware of 64 KiB, the least that QEMU takes, whose end is where an x86 processor starts. */
const FIRMWARE_BYTES = 65_536;
/** QEMU's isa-debug-exit ends with twice the value and one (hw/misc/debugexit.c): 85 comes of no other end. */
const X64_EXIT = (0x2a << 1) | 1;

/** `mov al, 0x2a; out 0xf4, al; hlt; jmp .-1` at the reset vector, 16 bytes before the end of the firmware. */
function x64Firmware(): Uint8Array {
  const firmware = new Uint8Array(FIRMWARE_BYTES);
  firmware.set([0xb0, 0x2a, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd], FIRMWARE_BYTES - 16);
  return firmware;
}

/** `movz w0, #8; movk w0, #0x8400, lsl 16; hvc #0; b .`: PSCI's SYSTEM_OFF (Arm DEN0022, 5.1.9). */
const ARM64_PROGRAM = new Uint8Array([
  0x00, 0x01, 0x80, 0x52, 0x00, 0x80, 0xb0, 0x72, 0x02, 0x00, 0x00, 0xd4, 0x00, 0x00, 0x00, 0x14,
]);
/** Where the memory of QEMU's `virt` begins (hw/arm/virt.c). */
const ARM64_MEMORY = "0x40000000";

function guest(architecture: Architecture, folder: string): { arguments: string[]; exitCode: number } {
  const file = join(folder, "guest");
  writeFileSync(file, architecture === "x64" ? x64Firmware() : ARM64_PROGRAM);
  if (architecture === "x64")
    return {
      arguments: ["-bios", file, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
      exitCode: X64_EXIT,
    };
  return {
    arguments: ["-device", `loader,file=${file},addr=${ARM64_MEMORY},cpu-num=0,force-raw=on`],
    exitCode: 0,
  };
}

/**
 * Runs a guest of a few instructions. A device file proves nothing: /dev/kvm may be there and refuse, lack nested
 * virtualisation, or hang whoever opens it. So another process tries, and whether it can be ended or not, this
 * returns after `timeoutMs` at the latest.
 */
export async function probeKvm(options: KvmProbeOptions = {}): Promise<KvmVerdict> {
  const { timeoutMs = 5_000, accelerator = "kvm" } = options;
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
