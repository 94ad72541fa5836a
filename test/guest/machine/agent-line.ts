import { createServer, type Server, type Socket } from "node:net";
import { type AgentReport, type AgentRequest, lineReader } from "./agent-messages.ts";

/** The tests' end of the line to the agent in a machine: a Unix socket that QEMU connects to. */
export class AgentLine {
  private readonly server: Server;
  private socket: Socket | undefined;
  private ending: Error | undefined;
  private readonly watchers = new Map<number, Watcher>();
  private lastId = 0;
  /** Resolves when the agent has said that it is there, with the machine's uptime then. */
  readonly ready: Promise<{ uptimeS: number }>;
  private settleReady: { resolve(ready: { uptimeS: number }): void; reject(error: Error): void };

  /** @param lastWords of a machine that has ended by itself: its console's */
  constructor(path: string, lastWords: () => string) {
    const { promise, resolve, reject } = Promise.withResolvers<{ uptimeS: number }>();
    this.ready = promise;
    this.settleReady = { resolve, reject };
    this.server = createServer((socket) => {
      this.socket = socket;
      socket.on(
        "data",
        lineReader((line) => this.take(JSON.parse(line) as AgentReport)),
      );
      socket.on("error", (error) => this.close(error));
      socket.on("close", () => this.close(new Error(`the machine has ended\n${lastWords()}`)));
    });
    this.server.listen(path);
  }

  /** Asks for a program. `watcher` hears of it until its end. @returns the request's id */
  start(request: Omit<Extract<AgentRequest, { kind: "start" }>, "kind" | "id">, watcher: Watcher): number {
    this.lastId += 1;
    const id = this.lastId;
    if (this.ending !== undefined) {
      watcher.lost(this.ending);
      return id;
    }
    this.watchers.set(id, watcher);
    this.send({ kind: "start", id, ...request });
    return id;
  }

  signal(id: number, signal: NodeJS.Signals): void {
    if (this.watchers.has(id)) this.send({ kind: "signal", id, signal });
  }

  /** Lets go of a program that does not end: what it still says is not heard. */
  forget(id: number): void {
    this.watchers.delete(id);
  }

  /** Ends the line, and with it the machine. Whoever waits for a program gets `reason`. */
  close(reason: Error): void {
    if (this.ending !== undefined) return;
    this.ending = reason;
    this.settleReady.reject(reason);
    for (const watcher of this.watchers.values()) watcher.lost(reason);
    this.watchers.clear();
    this.socket?.destroy();
    this.server.close();
  }

  private send(request: AgentRequest): void {
    this.socket?.write(`${JSON.stringify(request)}\n`);
  }

  private take(report: AgentReport): void {
    if (report.kind === "ready") {
      this.settleReady.resolve(report);
      return;
    }
    const watcher = this.watchers.get(report.id);
    if (report.kind === "started") watcher?.started(report.pid);
    else if (report.kind === "printed") watcher?.printed(report.stream, report.text);
    else {
      this.watchers.delete(report.id);
      watcher?.ended(report.exitCode);
    }
  }
}

/** Hears of one program in the machine. After `ended` or `lost` it hears nothing more. */
export interface Watcher {
  started(pid: number): void;
  printed(stream: "stdout" | "stderr", text: string): void;
  ended(exitCode: number): void;
  /** The machine has gone. */
  lost(reason: Error): void;
}
