import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MeshConfig } from "../../src/config/index.ts";
import { MESH_SOCKET, type NetworkStatus, type PeerStatus, type TraceStep } from "../../src/mesh/index.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { askMesh } from "./mesh-socket.ts";

const PROCESS = join(import.meta.dir, "mesh-box-process.ts");

export interface MeshBoxOptions {
  config?: Partial<MeshConfig>;
  debug?: boolean;
  /** Another program that is started in its place. */
  script?: string;
}

/** A message as a listener got it. */
export interface Heard {
  from: string;
  body: string;
  atMs: number;
}

/** One box's mesh in a lab host, asked over its socket as any program would. */
export class MeshBox {
  private process: LabProcess | undefined;
  private endedWith: number | undefined;

  constructor(
    private readonly lab: Lab,
    readonly host: LabHost,
    readonly name: string,
    private readonly options: MeshBoxOptions = {},
  ) {}

  get folder(): string {
    return join(this.lab.folder, this.name);
  }

  private get socket(): string {
    return join(this.folder, "run", MESH_SOCKET);
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** Starts it, again too, and waits until it answers. @throws when it does not in time */
  async start(timeoutMs = 30_000): Promise<this> {
    const command = [
      process.execPath,
      this.options.script ?? PROCESS,
      this.folder,
      this.name,
      JSON.stringify(this.options.config ?? {}),
    ];
    this.process = this.host.spawn(command, this.options.debug ? { env: { MESH_LOG: "debug" } } : {});
    this.endedWith = undefined;
    const { process: started } = this;
    void started.exited.then((code) => {
      if (this.process === started) this.endedWith = code;
    });
    await until(
      `${this.name} to answer`,
      () =>
        this.ask("/v1/networks").then(
          () => true,
          () => false,
        ),
      timeoutMs,
    );
    return this;
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.process?.stop(signal);
  }

  output(): string {
    return this.process?.output() ?? "";
  }

  /** @throws Error with the mesh's own words */
  async ask<T>(path: string, body?: unknown, method = body === undefined ? "GET" : "POST"): Promise<T> {
    return await askMesh<T>(this.socket, path, body, method).catch((error: unknown) => {
      if (this.endedWith === undefined) throw error;
      throw new Error(`${this.name} has ended with ${this.endedWith}: ${this.output().slice(-2_000)}`);
    });
  }

  async found(name: string): Promise<NetworkStatus> {
    return this.ask<NetworkStatus>("/v1/networks", { name });
  }

  async invite(
    options: { role?: string; once?: boolean; hours?: number; network?: string } = {},
  ): Promise<string> {
    const { network = "-", ...rest } = options;
    return (await this.ask<{ link: string }>(`/v1/networks/${network}/invites`, rest)).link;
  }

  async join(link: string): Promise<NetworkStatus> {
    return this.ask<NetworkStatus>("/v1/join", { link });
  }

  async network(): Promise<NetworkStatus> {
    const [first] = await this.ask<NetworkStatus[]>("/v1/networks");
    if (!first) throw new Error(`${this.name} is in no network`);
    return first;
  }

  networks(): Promise<NetworkStatus[]> {
    return this.ask<NetworkStatus[]>("/v1/networks");
  }

  /** Its peer id in its only network. */
  async peer(): Promise<string> {
    return (await this.network()).self.peer;
  }

  peers(network = ""): Promise<PeerStatus[]> {
    return this.ask<PeerStatus[]>(`/v1/peers?network=${network}`);
  }

  trace(peer: string): Promise<TraceStep[]> {
    return this.ask<TraceStep[]>(`/v1/trace?peer=${peer}`);
  }

  send(peer: string, text: string, options: { channel?: string; timeoutMs?: number; network?: string } = {}) {
    const { channel = "lab", timeoutMs = 15_000, network = "" } = options;
    const body = Buffer.from(text).toString("base64");
    return this.ask<{ peer: string; tookMs: number }>("/v1/send", {
      network,
      peer,
      channel,
      body,
      timeoutMs,
    });
  }

  /** Hears what comes on a channel from now on. @returns what has come, and a function that ends it */
  async listen(channel = "lab", network = ""): Promise<{ heard: Heard[]; end: () => void }> {
    const controller = new AbortController();
    const query = new URLSearchParams({ channel, network });
    const response = await fetch(`http://box/v1/listen?${query}`, {
      unix: this.socket,
      signal: controller.signal,
    });
    if (!response.ok || !response.body)
      throw new Error(`listen: ${response.status} ${await response.text()}`);
    const heard: Heard[] = [];
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      let rest = "";
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const message = JSON.parse(line) as { listening?: true; from: string; body: string };
          if (message.listening) resolve();
          else
            heard.push({
              from: message.from,
              body: Buffer.from(message.body, "base64").toString(),
              atMs: performance.now(),
            });
        }
      }
    };
    read(response.body).catch(() => resolve());
    await listening;
    return { heard, end: () => controller.abort() };
  }

  /** Waits until it is connected with at least so many members. */
  connected(count: number, timeoutMs = 20_000): Promise<NetworkStatus> {
    return until(
      `${this.name} to be connected with ${count}`,
      async () => {
        const network = await this.network();
        return network.connected >= count ? network : undefined;
      },
      timeoutMs,
    );
  }
}

/** Resident memory of a process. */
export const residentMib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;

/** Founds a network on the first box, and lets the others join by one invite. */
export async function foundTogether(boxes: readonly MeshBox[], name = "Lab"): Promise<void> {
  const [first, ...others] = boxes;
  if (!first) return;
  await first.found(name);
  const link = await first.invite({ hours: 24 });
  await Promise.all(others.map((box) => box.join(link)));
}
