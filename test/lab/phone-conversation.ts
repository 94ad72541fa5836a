import { PhoneError } from "./phone-request.ts";

/** For a connection or a whole exchange. */
export const DEFAULT_TIMEOUT_MS = 30_000;

export type PhoneSocket = Bun.Socket<Conversation>;

/** What one TCP connection of a phone is for. It settles once; what comes later is dropped. */
export abstract class Conversation {
  readonly started = performance.now();
  protected settled = false;
  protected socket: PhoneSocket | undefined;
  private readonly timer: Timer;

  constructor(
    private readonly phone: string,
    timeoutMs: number,
    private readonly reject: (error: PhoneError) => void,
  ) {
    this.timer = setTimeout(() => this.fail("timeout", `not done after ${timeoutMs} ms`), timeoutMs);
  }

  protected since(): number {
    return performance.now() - this.started;
  }

  protected finish(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.timer);
    this.socket?.end();
    return true;
  }

  fail(reason: PhoneError["reason"], detail: string): void {
    if (this.finish()) this.reject(new PhoneError(this.phone, reason, detail));
  }

  /** The connection stands. */
  opened(socket: PhoneSocket): void {
    this.socket = socket;
    // A connection attempt cannot be called off, so it may still succeed after its time is over.
    if (this.settled) socket.end();
    else this.talk(socket);
  }

  protected abstract talk(socket: PhoneSocket): void;
  abstract received(chunk: Buffer): void;
  /** The other side can take more bytes. */
  abstract drained(socket: PhoneSocket): void;
  /** The other side will send no more. */
  abstract ended(): void;
}

export const conversationHandler: Bun.SocketHandler<Conversation> = {
  open: (socket) => socket.data.opened(socket),
  data: (socket, chunk) => socket.data.received(chunk),
  drain: (socket) => socket.data.drained(socket),
  end: (socket) => socket.data.ended(),
  close: (socket) => socket.data.ended(),
  error: (socket, error) => socket.data.fail("closed", error.message),
};

/** A TCP handshake and no more. */
export class Knock extends Conversation {
  constructor(
    phone: string,
    timeoutMs: number,
    private readonly resolve: (tookMs: number) => void,
    reject: (error: PhoneError) => void,
  ) {
    super(phone, timeoutMs, reject);
  }

  protected override talk(): void {
    if (this.finish()) this.resolve(this.since());
  }

  override received(): void {}
  override drained(): void {}
  override ended(): void {
    this.fail("closed", "closed at once");
  }
}
