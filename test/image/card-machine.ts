import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { partition, SECTOR } from "../../image-build/disk/layout.ts";
import { run, tryRun } from "../../src/host/run.ts";
import { ShellLine } from "./shell-line.ts";

const OUTPUTS = resolve(import.meta.dir, "../output");
/** Every folder of a machine, and so its command line, carries this prefix. */
const PREFIX = "/tmp/omb-card-";
const COPY_TIMEOUT_MS = 120_000;

/**
 * An emulated PC (QEMU's TCG) whose card can be taken out: between its starts the part that people see is read and written as
 * with a card reader. Its first wire leads to this machine: what listens at port 8090 there is reached at a port here.
 */
export class CardMachine {
  private qemu: Bun.Subprocess | undefined;
  private line: ShellLine | undefined;
  private starts = 0;
  /** Of this machine, on localhost. */
  readonly consolePort: number;

  private constructor(
    readonly folder: string,
    private readonly name: string,
  ) {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    this.consolePort = listener.port;
    listener.stop(true);
  }

  /** A card with an image on it, larger than that. What a crashed run of the same name left behind is removed. */
  static async withCard(name: string, image: string, mib: number): Promise<CardMachine> {
    sweep(name);
    const machine = new CardMachine(`${PREFIX}${name}-${process.pid}`, name);
    mkdirSync(machine.folder, { recursive: true, mode: 0o700 });
    await run(["cp", "--sparse=always", "--reflink=auto", image, machine.disk], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
    await run(["truncate", "-s", `${mib}M`, machine.disk]);
    const words = "systemd.debug_shell=hvc0";
    await machine.put("arguments", `# GRUB Environment Block\narguments=${words}\n`.padEnd(1024, "#"));
    return machine;
  }

  get disk(): string {
    return join(this.folder, "disk.img");
  }

  /** Writes a file onto the card that has been taken out. */
  async put(name: string, text: string | Uint8Array): Promise<void> {
    const file = join(this.folder, "for-card");
    await Bun.write(file, text);
    await run(["mcopy", "-o", "-i", this.control, file, `::/${name}`]);
  }

  /** A file of the card that has been taken out; undefined: it is not there. */
  async take(name: string): Promise<string | undefined> {
    const { exitCode, stdout } = await tryRun(["mtype", "-i", this.control, `::/${name}`]);
    return exitCode === 0 ? stdout : undefined;
  }

  async powerOn(): Promise<void> {
    this.starts += 1;
    const shell = join(this.folder, `shell-${this.starts}.sock`);
    this.line = await ShellLine.listen(shell);
    // Should this process end without a word, QEMU is killed by the kernel.
    const command = ["setpriv", "--pdeathsig=KILL", ...this.qemuCommand(shell)];
    this.qemu = Bun.spawn(command, {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(this.folder, "qemu.log")),
    });
  }

  /** What the guest has given to its disk by then is on the card, what it had only in its memory is not. */
  async powerCut(): Promise<void> {
    this.qemu?.kill("SIGKILL");
    await this.qemu?.exited;
    this.line?.close();
    this.qemu = undefined;
  }

  /** What the serial line has said since it was turned on. */
  serial(): string {
    return existsSync(this.serialFile) ? readFileSync(this.serialFile, "latin1") : "";
  }

  /** @returns what matched @throws {Error} with the end of the serial line when it takes longer */
  async untilSaid(what: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    for (const until = performance.now() + timeoutMs; ; await Bun.sleep(200)) {
      const found = what.exec(this.serial());
      if (found) return found;
      if (this.qemu?.exitCode !== null)
        throw new Error(`QEMU has ended: ${readFileSync(join(this.folder, "qemu.log"))}`);
      if (performance.now() > until) throw new Error(`not in ${timeoutMs} ms: ${what}\n${this.tail()}`);
    }
  }

  /** Runs a line of shell as root, until it prints what is waited for. */
  async untilShell(script: string, wanted: RegExp, timeoutMs: number): Promise<string> {
    let last: string | undefined;
    for (const until = performance.now() + timeoutMs; performance.now() < until; await Bun.sleep(1_000)) {
      last = (await this.line?.run(script, Math.min(60_000, timeoutMs)))?.text;
      if (last !== undefined && wanted.test(last)) return last;
    }
    throw new Error(`not in ${timeoutMs} ms: ${wanted}\n${last}\n${this.tail()}`);
  }

  /** Ends it. What it has said stays in test/output. */
  async end(): Promise<void> {
    await this.powerCut();
    mkdirSync(OUTPUTS, { recursive: true });
    for (let start = 1; start <= this.starts; start += 1) {
      const serial = join(this.folder, `serial-${start}.log`);
      if (existsSync(serial)) await copyFile(serial, join(OUTPUTS, `image ${this.name} start ${start}.log`));
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private tail(): string {
    return this.serial().split("\n").slice(-50).join("\n");
  }

  private get serialFile(): string {
    return join(this.folder, `serial-${this.starts}.log`);
  }

  private get control(): string {
    return `${this.disk}@@${partition("control").start * SECTOR}`;
  }

  private qemuCommand(shell: string): string[] {
    const forward = `hostfwd=tcp:127.0.0.1:${this.consolePort}-:8090`;
    return [
      "qemu-system-x86_64",
      ...["-machine", "q35", "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=512"],
      // One, as in slots-machine.ts.
      ...["-smp", "1", "-m", "1536"],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "std", "-monitor", "none"],
      ...["-serial", `file:${this.serialFile}`],
      ...["-chardev", `socket,id=shell,path=${shell}`, "-device", "virtio-serial"],
      ...["-device", "virtconsole,chardev=shell"],
      ...["-netdev", `user,id=wire,restrict=on,${forward}`, "-device", "virtio-net-pci,netdev=wire"],
      ...["-drive", `file=${this.disk},format=raw,if=virtio,cache=unsafe`],
    ];
  }
}

/** Removes the folders of machines of this name whose tests are gone; their QEMUs ended with them. */
function sweep(name: string): void {
  const own = new RegExp(`^${PREFIX}${name}-(\\d+)$`);
  for (const entry of readdirSync("/tmp")) {
    const folder = `/tmp/${entry}`;
    const pid = own.exec(folder)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(folder, { recursive: true, force: true });
  }
}
