import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ShellLine } from "./shell-line.ts";

const OUTPUTS = resolve(import.meta.dir, "../output");

export interface SlotsMachineOptions {
  /** A folder of its own, with `disk.img` in it. */
  folder: string;
  /** A stick that is plugged in, a file. */
  stick?: string;
}

/**
 * An emulated PC (QEMU's TCG) on a disk that stays: the power is turned on and cut as often as wanted. What the guest has
 * given to its disk by then is there, what it had only in its memory is not.
 */
export class SlotsMachine {
  private qemu: Bun.Subprocess | undefined;
  private line: ShellLine | undefined;
  private starts = 0;

  constructor(private readonly options: SlotsMachineOptions) {}

  async powerOn(): Promise<void> {
    const { folder, stick } = this.options;
    this.starts += 1;
    this.line = await ShellLine.listen(join(folder, `shell-${this.starts}.sock`));
    const command = [
      "qemu-system-x86_64",
      ...[
        "-machine",
        "q35",
        "-cpu",
        "max",
        "-accel",
        "tcg,thread=multi,tb-size=512",
        // With two, QEMU's emulation now and then has one of them meet a breakpoint that the kernel has just taken away ("Oops: int3").
        "-smp",
        "1",
        "-m",
        "1536",
      ],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "std", "-monitor", "none"],
      ...["-serial", `file:${this.serialFile}`],
      ...[
        "-chardev",
        `socket,id=shell,path=${join(folder, `shell-${this.starts}.sock`)}`,
        "-device",
        "virtio-serial",
      ],
      ...["-device", "virtconsole,chardev=shell"],
      ...["-drive", `file=${join(folder, "disk.img")},format=raw,if=virtio,cache=unsafe`],
      ...(stick === undefined
        ? []
        : [
            ...["-device", "qemu-xhci", "-drive", `file=${stick},format=raw,if=none,id=stick,readonly=on`],
            ...["-device", "usb-storage,drive=stick"],
          ]),
    ];
    // Should this process end without a word, QEMU is killed by the kernel.
    this.qemu = Bun.spawn(["setpriv", "--pdeathsig=KILL", ...command], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(folder, "qemu.log")),
    });
  }

  async powerCut(): Promise<void> {
    this.qemu?.kill("SIGKILL");
    await this.qemu?.exited;
    this.line?.close();
    this.qemu = undefined;
  }

  /** Ends it. What it has said last stays in test/output. */
  async end(name: string): Promise<void> {
    await this.powerCut();
    mkdirSync(OUTPUTS, { recursive: true });
    for (let start = 1; start <= this.starts; start += 1) {
      const serial = join(this.options.folder, `serial-${start}.log`);
      if (existsSync(serial)) await copyFile(serial, join(OUTPUTS, `image ${name} start ${start}.log`));
    }
    rmSync(this.options.folder, { recursive: true, force: true });
  }

  private get serialFile(): string {
    return join(this.options.folder, `serial-${this.starts}.log`);
  }

  serial(): string {
    return existsSync(this.serialFile) ? readFileSync(this.serialFile, "latin1") : "";
  }

  /** Runs a line of shell as root; undefined when there is no answer in time: it may be restarting. */
  async tryShell(script: string, timeoutMs: number): Promise<string | undefined> {
    return (await this.line?.run(script, timeoutMs))?.text;
  }

  /** Waits until a line of shell prints what is waited for, through any number of restarts. @throws with the end of the serial line */
  async untilShell(script: string, wanted: RegExp, timeoutMs: number): Promise<string> {
    const until = performance.now() + timeoutMs;
    let last = "";
    for (;;) {
      const text = await this.tryShell(script, 30_000);
      if (text !== undefined) last = text;
      if (text !== undefined && wanted.test(text)) return text;
      if (performance.now() > until)
        throw new Error(
          `not in ${timeoutMs} ms: ${wanted}\n${last}\n${this.serial().split("\n").slice(-40).join("\n")}`,
        );
      await Bun.sleep(1_000);
    }
  }
}
