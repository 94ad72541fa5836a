import { dirname, join } from "node:path";
import type { MachineImage } from "./machine-image.ts";

/** Two of an emulated kernel wait for each other again and again; where others need the real ones too, one may do better. */
const PROCESSORS = Number(process.env.OMERTA_GUEST_PROCESSORS ?? 2);

export interface QemuOptions {
  image: MachineImage;
  /** Shared read-only as `/project`. */
  project: string;
  /** Shared as `/results`. */
  results: string;
  /** A Unix socket that is listened on already: the line to the agent. */
  socket: string;
  /** A file for what the kernel and the first programs print. Beside it is QEMU's process id. */
  console: string;
  memoryMiB?: number;
  processors?: number;
  /**
   * One processor whose every instruction takes so long by the machine's own clock, however long emulation takes (QEMU's
   * icount): what the machine measures is what a computer of that speed needs. A power of two.
   */
  instructionNs?: number;
}

/**
 * The command that emulates a machine. It has no network to the outside, and needs no help of the hardware (KVM), which
 * a machine for tests rarely has.
 */
export function qemuCommand(options: QemuOptions): string[] {
  const { image, project, results, socket, console, memoryMiB = 1536, instructionNs } = options;
  const processors = instructionNs === undefined ? (options.processors ?? PROCESSORS) : 1;
  const clock = instructionNs === undefined ? [] : ["-icount", `shift=${Math.log2(instructionNs)},sleep=on`];
  const kernelCommandLine = [
    "console=ttyS0",
    "quiet",
    // A panic ends QEMU, and so the line: what waits for the machine fails at once. So does a fault of the kernel.
    "panic=-1",
    "oops=panic",
    "mitigations=off",
    "nokaslr",
    "random.trust_cpu=on",
    "tsc=reliable",
    // The kernel's test of its timer panics where QEMU gets no processor for a moment; on KVM the kernel leaves it out itself.
    "no_timer_check",
  ];
  return [
    "qemu-system-x86_64",
    ...["-machine", "q35,sata=off,usb=off,smbus=off"],
    // All that TCG can emulate: Bun needs more than the default.
    ...["-cpu", "max"],
    ...["-accel", `tcg,thread=${instructionNs === undefined ? "multi" : "single"},tb-size=512`],
    ...clock,
    ...["-smp", String(processors)],
    ...["-m", String(memoryMiB)],
    ...["-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-display", "none", "-monitor", "none"],
    ...["-serial", `file:${console}`],
    ...["-pidfile", join(dirname(console), "qemu.pid")],
    ...["-kernel", image.kernel],
    ...["-initrd", image.initrd],
    ...["-append", kernelCommandLine.join(" ")],
    ...["-drive", `file=${image.root},format=raw,if=virtio,readonly=on`],
    ...["-virtfs", `local,path=${project},mount_tag=project,security_model=none,readonly=on,multidevs=remap`],
    ...["-virtfs", `local,path=${results},mount_tag=results,security_model=none`],
    ...["-device", "virtio-serial"],
    ...["-chardev", `socket,id=agent,path=${socket}`],
    ...["-device", "virtserialport,chardev=agent,name=omerta.agent"],
  ];
}
