import type { Socket } from "bun";

/** A shell behind a console of virtio, which loses nothing: one command at a time, its output and status told apart by marks. */
export class ShellLine {
  private text = "";
  private socket: Socket<undefined> | undefined;
  private heard: (() => void) | undefined;
  private commands = 0;

  private constructor(private readonly close_: () => void) {}

  /** Waits at a Unix socket for QEMU to come. */
  static async listen(path: string): Promise<ShellLine> {
    const lines: ShellLine[] = [];
    const server = Bun.listen<undefined>({
      unix: path,
      socket: {
        open: (socket) => {
          for (const line of lines) line.socket = socket;
        },
        data: (_, bytes) => {
          for (const line of lines) line.take(bytes.toString("latin1"));
        },
      },
    });
    const line = new ShellLine(() => server.stop(true));
    lines.push(line);
    return line;
  }

  /** @returns undefined when it does not answer in time */
  async run(script: string, timeoutMs: number): Promise<{ text: string; status: number } | undefined> {
    const until = performance.now() + timeoutMs;
    if (this.commands === 0 && !(await this.begin(until))) return undefined;
    const id = ++this.commands;
    const marks = new RegExp(`<${id}<([\\s\\S]*)>${id}=(\\d+)>`);
    // Typed in base 64: a line is echoed as it was typed, and then has none of the marks.
    const typed = Buffer.from(
      `printf '<%s<' ${id}; (\n${script}\n) 2>&1; printf '>%s=%s>' ${id} $?`,
    ).toString("base64");
    // The terminal takes at most 4096 characters at once (termios(3)).
    const pieces = typed.match(/.{1,1000}/g) ?? [];
    await this.type(`\nw${id}=\n`);
    for (const piece of pieces) await this.type(`w${id}=\${w${id}}${piece}\n`);
    await this.type(`eval "$(echo $w${id} | base64 -d)"\n`);
    const found = await this.until(marks, until);
    if (found === null) return undefined;
    this.text = "";
    return { text: (found[1] ?? "").replaceAll("\r\n", "\n"), status: Number(found[2]) };
  }

  /** A shell without an editor that writes its line anew, and without an echo. What is typed too early is lost with the old one. */
  private async begin(until: number): Promise<boolean> {
    for (let tries = 0; performance.now() < until; tries++) {
      await this.type(`exec sh\n`);
      await Bun.sleep(1_000);
      await this.type(`stty -echo; printf 'begun%s' ${tries}\n`);
      const soon = Math.min(until, performance.now() + 10_000);
      if ((await this.until(new RegExp(`begun${tries}`), soon)) !== null) return true;
    }
    return false;
  }

  private async until(what: RegExp, until: number): Promise<RegExpExecArray | null> {
    for (;;) {
      const found = what.exec(this.text);
      const left = until - performance.now();
      if (found || left <= 0) return found;
      await new Promise<void>((resolve) => {
        this.heard = resolve;
        setTimeout(resolve, Math.min(left, 1_000));
      });
    }
  }

  close(): void {
    this.close_();
  }

  private async type(text: string): Promise<void> {
    while (this.socket === undefined) await Bun.sleep(50);
    for (let rest = Buffer.from(text); rest.length > 0; ) {
      const written = this.socket.write(rest);
      rest = rest.subarray(Math.max(0, written));
      if (rest.length > 0) await Bun.sleep(10);
    }
  }

  private take(text: string): void {
    this.text = (this.text + text).slice(-4_194_304);
    this.heard?.();
  }
}
