import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { FrameDecoder, frameHeader } from "../../../../src/mesh/engine/frame-code.ts";
import type { SyncEngine, SyncStream } from "../../../../src/messages/sync/mesh-streams.ts";
import { MAX_SYNC_FRAME_BYTES } from "../../../../src/messages/sync/sync-frame.ts";

type Serve = Parameters<SyncEngine["handle"]>[1];
const RECONNECT_MS = 5;
const MEMBER = { role: "box" } as const;

/**
 * Two processes that reach each other by a Unix socket, with the frames of the mesh, since libp2p takes a second to start: "a"
 * listens and begins the stream, "b" connects, again and again.
 */
export class SocketEngine implements SyncEngine {
  private socket: Socket | undefined;
  private serve: Serve | undefined;
  private readonly listeners = {
    joined: new Set<(peer: string) => void>(),
    left: new Set<(peer: string) => void>(),
  };
  private readonly other: string;

  constructor(
    readonly peer: "a" | "b",
    private readonly path: string,
  ) {
    this.other = peer === "a" ? "b" : "a";
  }

  start(): void {
    if (this.peer === "b") {
      this.reach();
      return;
    }
    rmSync(this.path, { force: true });
    createServer((socket) => this.connected(socket)).listen(this.path);
  }

  connections() {
    return this.socket ? [{ peer: this.other, member: MEMBER }] : [];
  }

  async open(): Promise<SyncStream> {
    if (!this.socket) throw new Error("not connected");
    return new SocketStream(this.other, this.socket);
  }

  handle(_: string, serve: Serve): void {
    this.serve = serve;
  }

  on(event: "joined" | "left", listener: (peer: string) => void): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  private reach(): void {
    const socket = connect(this.path);
    socket.once("connect", () => this.connected(socket));
    socket.once("error", () => setTimeout(() => this.reach(), RECONNECT_MS));
  }

  private connected(socket: Socket): void {
    this.socket?.destroy();
    this.socket = socket;
    socket.removeAllListeners("error");
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      for (const listener of this.listeners.left) listener(this.other);
      if (this.peer === "b") setTimeout(() => this.reach(), RECONNECT_MS);
    });
    if (this.peer === "b") {
      const stream = new SocketStream(this.other, socket);
      this.serve?.(stream, MEMBER).catch(() => stream.abort());
    }
    for (const listener of this.listeners.joined) listener(this.other);
  }
}

class SocketStream implements SyncStream {
  private readonly waiting: Uint8Array[] = [];
  private readonly decoder = new FrameDecoder(MAX_SYNC_FRAME_BYTES);
  private isOver = false;
  private wake: () => void = () => {};

  constructor(
    readonly peer: string,
    private readonly socket: Socket,
  ) {
    socket.on("data", (bytes) => {
      this.waiting.push(...this.decoder.decode(Buffer.from(bytes)));
      this.wake();
    });
    socket.once("close", () => {
      this.isOver = true;
      this.wake();
    });
  }

  send(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(Buffer.concat([frameHeader(frame.length), frame]), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.waiting.shift();
      if (frame) yield frame;
      else if (this.isOver) throw new Error("the connection has ended");
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  abort(): void {
    this.isOver = true;
    this.socket.destroy();
    this.wake();
  }
}
