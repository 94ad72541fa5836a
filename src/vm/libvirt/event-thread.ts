import type { Pointer } from "bun:ffi";
import { LibvirtError, LibvirtTimeoutError, LibvirtUnavailableError } from "./libvirt-error.ts";
import type { DomainEvent, EventReply, EventRequest } from "./libvirt-protocol.ts";

/** Who is told of one connection. */
export interface ConnectionListener {
  onEvent(event: DomainEvent): void;
  /** The daemon has gone, or does not answer any more. */
  onClosed(reason: string): void;
}

/** virConnectCloseReason. */
const CLOSE_REASONS = ["an error", "the daemon has ended", "the daemon does not answer", "closed here"];
const ANSWER_TIMEOUT_MS = 10_000;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** This process's end of the thread of `libvirt-events.ts`, which is started when it is first needed and then stays. */
export class EventThread {
  private static shared: EventThread | undefined;
  private readonly worker = new Worker(new URL("./libvirt-events.ts", import.meta.url).href);
  private readonly listeners = new Map<Pointer, ConnectionListener>();
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private settle: Waiting | undefined;
  private readonly ready = new Promise<void>((resolve, reject) => {
    this.settle = { resolve, reject };
  });

  private constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<EventReply>) => this.take(data);
    this.worker.onerror = ({ message }) => this.settle?.reject(new LibvirtUnavailableError(message));
    // It waits for ever, which must not keep a program from ending.
    this.worker.unref();
  }

  /** @throws {LibvirtUnavailableError} */
  static async running(): Promise<EventThread> {
    EventThread.shared ??= new EventThread();
    await EventThread.shared.ready;
    return EventThread.shared;
  }

  async listen(connection: Pointer, listener: ConnectionListener): Promise<void> {
    this.listeners.set(connection, listener);
    await this.ask("listen", (id) => ({ listen: connection, id }));
  }

  async forget(connection: Pointer): Promise<void> {
    this.listeners.delete(connection);
    await this.ask("forget", (id) => ({ forget: connection, id }));
  }

  private ask(call: string, request: (id: number) => EventRequest): Promise<void> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new LibvirtTimeoutError(call, ANSWER_TIMEOUT_MS));
      }, ANSWER_TIMEOUT_MS);
      const end = () => clearTimeout(timer);
      this.waiting.set(id, {
        resolve: () => {
          end();
          resolve();
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      this.worker.postMessage(request(id));
    });
  }

  private take(reply: EventReply): void {
    if ("ready" in reply) {
      this.settle?.resolve();
    } else if ("unavailable" in reply) {
      EventThread.shared = undefined;
      this.settle?.reject(new LibvirtUnavailableError(reply.unavailable));
    } else if ("event" in reply) {
      this.listeners.get(reply.connection)?.onEvent(reply.event);
    } else if ("closed" in reply) {
      this.listeners.get(reply.connection)?.onClosed(CLOSE_REASONS[reply.closed] ?? "unknown");
    } else {
      this.answered(reply);
    }
  }

  private answered(reply: Extract<EventReply, { id: number }>): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ("done" in reply) {
      waiting?.resolve();
      return;
    }
    const { message, code, domain } = reply.error;
    waiting?.reject(new LibvirtError("events", message, code, domain));
  }
}
