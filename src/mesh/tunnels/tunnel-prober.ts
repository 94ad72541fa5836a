import { run } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";

export interface ProberOptions {
  /** The tunnel's interface, and the namespace where it is. */
  device: string;
  netns?: string;
  /** The peer's link-local address inside the tunnel. */
  address: string;
  timers: Timers;
  /** An echo came back: the tunnel carried both ways, `rttMs` ago at the latest. */
  onReply(rttMs: number): void;
}

/** A program that could not go on is started again after this. */
const AGAIN_MS = 300;
/** Bytes of each echo: what ping(8) needs to measure the time. */
const PAYLOAD = 16;

/**
 * Sends ICMPv6 echoes through a tunnel and tells of those that come back. The other end's kernel answers them, so
 * nothing has to listen there, and ping(8) can do it from inside another network namespace without a second runtime.
 * 112 bytes go over the link for each echo and for each answer.
 */
export class TunnelProber {
  private child: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;
  private intervalMs = 0;
  private cancelAgain: (() => void) | undefined;

  constructor(private readonly options: ProberOptions) {}

  /** Goes on at this pace; the first echo leaves at once. 0: none any more. */
  pace(intervalMs: number): void {
    this.intervalMs = intervalMs;
    if (intervalMs > 0) this.launch();
    else this.end();
  }

  async stop(): Promise<void> {
    this.intervalMs = 0;
    const child = this.child;
    this.end();
    await child?.exited;
  }

  private launch(): void {
    this.end();
    const { device, netns, address, timers, onReply } = this.options;
    const child = Bun.spawn(
      [
        ...(netns === undefined ? [] : ["ip", "netns", "exec", netns]),
        // A killed daemon must not leave it sending for ever.
        ...["setpriv", "--pdeathsig", "KILL", "ping", "-6", "-n", "-i", String(this.intervalMs / 1_000)],
        ...["-s", String(PAYLOAD), "-I", device, `${address}%${device}`],
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
    );
    this.child = child;
    void readReplies(child.stdout, (rttMs) => {
      if (this.child === child) onReply(rttMs);
    });
    void child.exited.then(() => {
      if (this.child !== child) return;
      this.cancelAgain = timers.after(AGAIN_MS, () => this.launch());
    });
  }

  private end(): void {
    this.cancelAgain?.();
    this.cancelAgain = undefined;
    const child = this.child;
    this.child = undefined;
    child?.kill("SIGKILL");
  }
}

async function readReplies(stream: ReadableStream<Uint8Array>, take: (rttMs: number) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const rttMs = replyRtt(line);
      if (rttMs !== undefined) take(rttMs);
    }
  }
}

/** Round trip in ms of a line like "24 bytes from fe80::2%omt-1: icmp_seq=1 ttl=64 time=0.148 ms" (ping(8)); undefined for any other. */
export function replyRtt(line: string): number | undefined {
  const match = /^\d+ bytes from .*icmp_seq=\d+ .*time[=<]([\d.]+) ms/.exec(line);
  return match ? Number(match[1]) : undefined;
}

/** Whether ping(8) and setpriv(1) are there. @throws {RunError} naming the one that is not */
export async function checkProber(): Promise<void> {
  await run(["ping", "-V"]);
  await run(["setpriv", "--version"]);
}
