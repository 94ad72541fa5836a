import type { Socket } from "bun";
import type { PeerId } from "../../src/mesh/engine/engine-interface.ts";
import type { ControlChannel, ControlHandler } from "../../src/mesh/paths/paths-interface.ts";

/*
 * A control channel for labs that are about what it introduces, not about itself: boxes in their namespaces speak
 * through one Unix socket, whatever becomes of their networks. Lines of JSON.
 */

/** Between box and hub. */
export type HubLine =
  | { type: "hello"; name: string }
  | { type: "control"; from: string; to: string; channel: string; body: string }
  | { type: "order"; to: string; number: number; order: unknown }
  | { type: "answer"; number: number; answer?: unknown; error?: string };

interface LineSocket {
  rest: string;
  name: string;
}

const linesOf = (data: LineSocket, chunk: Uint8Array): HubLine[] => {
  const lines = (data.rest + Buffer.from(chunk).toString()).split("\n");
  data.rest = lines.pop() ?? "";
  return lines.map((line) => JSON.parse(line) as HubLine);
};

/** The hub, in the test's own process: passes on control messages, and gives orders to the boxes. */
export class TunnelHub {
  private readonly boxes = new Map<string, Socket<LineSocket>>();
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly dead = new Set<string>();
  private numbers = 0;
  private stopListening = () => {};

  /** @param delayMs each control message is under way for so long */
  constructor(
    private readonly path: string,
    private readonly delayMs: number,
  ) {}

  start(): void {
    const server = Bun.listen<LineSocket>({
      unix: this.path,
      socket: {
        open: (socket) => {
          socket.data = { rest: "", name: "" };
        },
        data: (socket, chunk) => {
          for (const line of linesOf(socket.data, chunk)) this.take(socket, line);
        },
      },
    });
    this.stopListening = () => server.stop(true);
  }

  stop(): void {
    this.stopListening();
  }

  has(name: string): boolean {
    return this.boxes.has(name);
  }

  /** From now on nothing reaches it and nothing comes from it, as if it were off. */
  silence(name: string): void {
    this.dead.add(name);
  }

  /** One that is to come again has not yet. */
  forget(name: string): void {
    this.boxes.delete(name);
  }

  order<T>(to: string, order: unknown): Promise<T> {
    const number = ++this.numbers;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(number, { resolve: (value) => resolve(value as T), reject });
      this.write(to, { type: "order", to, number, order });
    });
  }

  private take(socket: Socket<LineSocket>, line: HubLine): void {
    if (line.type === "hello") {
      socket.data.name = line.name;
      this.boxes.set(line.name, socket);
    } else if (line.type === "control") {
      if (this.dead.has(line.from) || this.dead.has(line.to)) return;
      setTimeout(() => this.write(line.to, line), this.delayMs);
    } else if (line.type === "answer") {
      const { resolve, reject } = this.waiting.get(line.number) ?? {};
      this.waiting.delete(line.number);
      if (line.error === undefined) resolve?.(line.answer);
      else reject?.(new Error(`${socket.data.name}: ${line.error}`));
    }
  }

  private write(to: string, line: HubLine): void {
    this.boxes.get(to)?.write(`${JSON.stringify(line)}\n`);
  }
}

/** A box's end of the hub. */
export class HubChannel implements ControlChannel {
  private readonly handlers = new Map<string, ControlHandler>();
  private socket: Socket<LineSocket> | undefined;

  constructor(
    private readonly path: string,
    private readonly name: string,
    private readonly obey: (order: never) => Promise<unknown>,
  ) {}

  async start(): Promise<void> {
    this.socket = await Bun.connect<LineSocket>({
      unix: this.path,
      socket: {
        open: (socket) => {
          socket.data = { rest: "", name: this.name };
        },
        data: (socket, chunk) => {
          for (const line of linesOf(socket.data, chunk)) void this.take(line);
        },
        close: () => process.exit(0),
      },
    });
    this.write({ type: "hello", name: this.name });
  }

  send(peer: PeerId, channel: string, body: Uint8Array): Promise<void> {
    this.write({
      type: "control",
      from: this.name,
      to: peer,
      channel,
      body: Buffer.from(body).toString("base64"),
    });
    return Promise.resolve();
  }

  handle(channel: string, handler: ControlHandler): void {
    this.handlers.set(channel, handler);
  }

  private async take(line: HubLine): Promise<void> {
    if (line.type === "control") {
      this.handlers.get(line.channel)?.(line.from, new Uint8Array(Buffer.from(line.body, "base64")));
    } else if (line.type === "order") {
      const { number } = line;
      try {
        // The box checks what kind of order it is.
        this.write({ type: "answer", number, answer: await this.obey(line.order as never) });
      } catch (error) {
        this.write({ type: "answer", number, error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  private write(line: HubLine): void {
    this.socket?.write(`${JSON.stringify(line)}\n`);
  }
}
