import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { partition, SECTOR } from "../../image-build/disk/layout.ts";
import { run } from "../../src/host/run.ts";
import { raspberryStart } from "./raspberry-start.ts";
import { ShellLine } from "./shell-line.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const OUTPUTS = join(PROJECT, "test/output");
/** Every folder of a machine, and so its command line, carries this prefix. */
const PREFIX = "/tmp/omb-image-";
const COPY_TIMEOUT_MS = 120_000;
/** What systemd says on the serial line when all has started. */
const STARTED = /Reached target.*multi-user\.target|Reached target.*Multi-User System/;

/** `raspberry-pi`: a Pi's processor in a machine of QEMU's own; `raspberry-pi-3b`: that board, with its card and its device tree. */
export type BoxBoard = "pc" | "raspberry-pi" | "raspberry-pi-3b";

export interface BoxMachineOptions {
  /** Goes before QEMU's own command: into a network namespace. */
  before?: readonly string[];
  image: string;
  /** What the image is for. Default: a PC. */
  board?: BoxBoard;
  /** Default: 1536. */
  memoryMiB?: number;
  /** What QEMU gets beside it, such as another disk. */
  qemu?: readonly string[];
  /** Files of the control partition, by their names there. */
  control?: Readonly<Record<string, string>>;
  /** Behind the kernel's command line. */
  kernelArguments?: string;
  /** Larger than the image, in MiB, as a card is. */
  diskMiB?: number;
}

/**
 * A PC that is started from a copy of an image as if it had been written to its disk: BIOS, GRUB, and what follows; emulated
 * (QEMU's TCG). Its serial line is read, and on a console of virtio systemd's debug shell is asked.
 */
export class BoxMachine {
  private readonly sinceMs = performance.now();

  private constructor(
    readonly folder: string,
    readonly name: string,
    private readonly qemu: Bun.Subprocess,
    private readonly line: ShellLine,
  ) {}

  /** Turns it on. What a crashed run of the same name left behind is removed. */
  static async start(name: string, options: BoxMachineOptions): Promise<BoxMachine> {
    sweep(name);
    const folder = `${PREFIX}${name}-${process.pid}`;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const disk = join(folder, "disk.img");
    await run(["cp", "--sparse=always", "--reflink=auto", options.image, disk], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
    if (options.diskMiB !== undefined) await run(["truncate", "-s", `${options.diskMiB}M`, disk]);
    const words = ["systemd.debug_shell=hvc0", ...(options.kernelArguments ? [options.kernelArguments] : [])];
    await putOnControl(disk, folder, {
      arguments: `# GRUB Environment Block\narguments=${words.join(" ")}\n`.padEnd(1024, "#"),
      ...options.control,
    });
    return BoxMachine.on(name, folder, options);
  }

  private static async on(name: string, folder: string, options: BoxMachineOptions): Promise<BoxMachine> {
    const line = await ShellLine.listen(join(folder, "shell.sock"));
    // Should this process end without a word, QEMU is killed by the kernel.
    const qemu = Bun.spawn(
      [...(options.before ?? []), "setpriv", "--pdeathsig=KILL", ...(await qemuCommand(folder, options))],
      {
        stdin: "ignore",
        stdout: "ignore",
        stderr: Bun.file(join(folder, "qemu.log")),
      },
    );
    return new BoxMachine(folder, name, qemu, line);
  }

  /** All that the serial line has said so far. */
  serial(): string {
    const file = join(this.folder, "serial.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** @returns seconds since it was turned on @throws {Error} with the end of the serial line when it takes longer */
  async untilSaid(what: RegExp, timeoutMs: number): Promise<number> {
    while (!what.test(this.serial())) {
      if (this.qemu.exitCode !== null) throw new Error(`QEMU has ended\n${this.tail()}`);
      if (this.seconds() * 1000 > timeoutMs)
        throw new Error(`not in ${timeoutMs} ms: ${what}\n${this.tail()}`);
      await Bun.sleep(100);
    }
    return this.seconds();
  }

  untilStarted(timeoutMs: number): Promise<number> {
    return this.untilSaid(STARTED, timeoutMs);
  }

  /** Runs a line of shell as root, and returns what it printed, whatever its status. */
  async shell(script: string, timeoutMs = 60_000): Promise<{ text: string; status: number }> {
    const result = await this.line.run(script, timeoutMs);
    if (result === undefined) throw new Error(`no answer in ${timeoutMs} ms: ${script}\n${this.tail()}`);
    return result;
  }

  seconds(): number {
    return (performance.now() - this.sinceMs) / 1000;
  }

  tail(): string {
    return this.serial().split("\n").slice(-60).join("\n");
  }

  /** Ends it as a power cut does. What it has said stays in test/output. */
  async stop(): Promise<void> {
    this.qemu.kill("SIGKILL");
    await this.qemu.exited;
    this.line.close();
    mkdirSync(OUTPUTS, { recursive: true });
    const serial = join(this.folder, "serial.log");
    if (existsSync(serial)) await copyFile(serial, join(OUTPUTS, `image ${this.name} serial.log`));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function qemuCommand(folder: string, options: BoxMachineOptions): Promise<string[]> {
  const { memoryMiB = 1536, qemu = [], board = "pc" } = options;
  const shell = `socket,id=shell,path=${join(folder, "shell.sock")}`;
  const disk = `file=${join(folder, "disk.img")},format=raw,cache=unsafe`;
  const common = [
    ...["-accel", "tcg,thread=multi,tb-size=512"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"],
    ...["-serial", `file:${join(folder, "serial.log")}`, "-chardev", shell],
    ...qemu,
  ];
  if (board === "raspberry-pi-3b")
    return [
      ...(await raspberry3(folder)),
      ...common,
      ...["-serial", "chardev:shell", "-drive", `${disk},if=sd`],
    ];
  return [
    ...(board === "pc" ? PC : await raspberry(folder)),
    ...["-smp", "2", "-m", String(memoryMiB)],
    ...common,
    ...["-device", "virtio-serial", "-device", "virtconsole,chardev=shell", "-drive", `${disk},if=virtio`],
  ];
}

const PC = ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-vga", "std"];

/** A Pi's processor in a machine that QEMU has: its firmware's part is done here. */
async function raspberry(folder: string): Promise<string[]> {
  const { kernel, initrd, commandLine } = await raspberryStart(join(folder, "disk.img"), folder);
  const shell = "systemd.debug_shell=hvc0";
  return [
    ...["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a53"],
    ...["-kernel", kernel, "-initrd", initrd, "-append", `${commandLine} ${shell}`],
  ];
}

/** The board itself, with its four processors and its GiB; on its second UART is the shell. */
async function raspberry3(folder: string): Promise<string[]> {
  const board = "bcm2837-rpi-3-b.dtb";
  const { kernel, initrd, commandLine, files } = await raspberryStart(join(folder, "disk.img"), folder, [
    board,
  ]);
  // QEMU has this board's watchdog reset it as soon as it is armed, for it does not count the time (hw/misc/bcm2835_powermgt.c).
  const words = commandLine.split(" ").filter((word) => !word.startsWith("console=ttyS1"));
  return [
    ...["qemu-system-aarch64", "-machine", "raspi3b", "-dtb", files[0] ?? "", "-kernel", kernel],
    ...["-initrd", initrd, "-append", `${words.join(" ")} systemd.debug_shell=ttyS1 systemd.watchdog_sec=0`],
  ];
}

/** Writes files onto the first partition, as a person with a card reader does. */
async function putOnControl(
  disk: string,
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const image = `${disk}@@${partition("control").start * SECTOR}`;
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, "for-control");
    await Bun.write(file, text);
    await run(["mcopy", "-o", "-i", image, file, `::/${name}`]);
  }
}

/** Ends QEMUs and removes folders of machines of this name whose tests are gone. */
function sweep(name: string): void {
  const own = new RegExp(`^${PREFIX}${name}-(\\d+)$`);
  for (const entry of readdirSync("/tmp")) {
    const folder = `/tmp/${entry}`;
    const pid = own.exec(folder)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(folder, { recursive: true, force: true });
  }
}
