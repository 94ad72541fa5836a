import { existsSync } from "node:fs";
import type { Timers } from "../../host/timers.ts";

/** Shown again to a page that comes back: about four screens. */
export const KEPT_BYTES = 16_384;
const OPENS_WITHIN_MS = 20_000;
const TRY_EVERY_MS = 50;
/** What somebody pastes; beyond it keys are lost, as on a line that is too slow. */
const MAX_UNWRITTEN = 8_192;

export interface ConsoleLineOptions {
  /** Of the Unix socket that QEMU listens on; it need not be there yet. */
  path: string;
  /** The line is at its end: the machine is. */
  onEnd(): void;
  timers: Timers;
}

type Socket = Awaited<ReturnType<typeof Bun.connect>>;

/**
 * The serial console of a machine. One reader at a time; what comes meanwhile is kept as far as {@link KEPT_BYTES}. While
 * a reader does not take what there is, nothing is read, and the guest waits, as at a line that is too slow.
 */
export class ConsoleLine {
  private socket: Socket | undefined;
  private kept = Buffer.alloc(0);
  private reader: ((bytes: Uint8Array) => boolean) | undefined;
  private unwritten = Buffer.alloc(0);
  private isClosed = false;

  constructor(private readonly options: ConsoleLineOptions) {}

  /** @throws Error when QEMU does not listen in time */
  async open(): Promise<void> {
    const { path, timers } = this.options;
    const untilMs = timers.monotonicMs() + OPENS_WITHIN_MS;
    while (!this.isClosed) {
      if (existsSync(path) && (await this.connect(path))) return;
      if (timers.monotonicMs() > untilMs) throw new Error("the console does not open");
      await new Promise<void>((resolve) => timers.after(TRY_EVERY_MS, resolve));
    }
  }

  /**
   * Takes the place of an earlier reader.
   * @param take gets what was kept, and what comes; false: enough for now, until {@link more}
   * @returns ends it
   */
  read(take: (bytes: Uint8Array) => boolean): () => void {
    this.reader = take;
    if (this.kept.length > 0) take(this.kept);
    this.more();
    return () => {
      if (this.reader !== take) return;
      this.reader = undefined;
      this.more();
    };
  }

  /** The reader has room again. */
  more(): void {
    this.socket?.resume();
  }

  /** @returns false when the machine has not taken what was typed before */
  type(bytes: Uint8Array): boolean {
    if (this.unwritten.length + bytes.length > MAX_UNWRITTEN) return false;
    this.unwritten = Buffer.concat([this.unwritten, bytes]);
    this.flush();
    return true;
  }

  close(): void {
    this.isClosed = true;
    this.socket?.end();
    this.socket = undefined;
  }

  private async connect(path: string): Promise<boolean> {
    try {
      this.socket = await Bun.connect({
        unix: path,
        socket: {
          data: (socket, bytes) => this.came(socket, bytes),
          drain: () => this.flush(),
          close: () => this.ended(),
          error: () => this.ended(),
        },
      });
      return true;
    } catch {
      return false;
    }
  }

  private came(socket: Socket, bytes: Uint8Array): void {
    this.kept = Buffer.concat([this.kept, bytes]).subarray(-KEPT_BYTES);
    if (this.reader?.(bytes) === false) socket.pause();
  }

  private flush(): void {
    const taken = this.socket?.write(this.unwritten) ?? 0;
    this.unwritten = this.unwritten.subarray(Math.max(0, taken));
  }

  private ended(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.socket = undefined;
    this.options.onEnd();
  }
}
