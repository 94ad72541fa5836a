import { rmSync } from "node:fs";
import { z } from "zod";

/** What slirp4netns(1) gives a namespace without being told otherwise: an address for its tap, and a resolver. */
export const SLIRP = { tap: "tap0", address: "10.0.2.100", dns: "10.0.2.3" } as const;

/** slirp4netns does not do what it was asked for. */
export class SlirpError extends Error {
  override readonly name = "SlirpError";
}

const ANSWER = z.object({ error: z.object({ desc: z.string() }).optional() });
const ANSWER_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 65_536;

/**
 * The way from a user's own network namespace to the internet: packets come out as datagrams and connections of a plain
 * process. It ends with its standard input.
 */
export class Slirp {
  private child: Bun.Subprocess<"pipe", "ignore", "pipe"> | undefined;
  private words = "";

  /** @param socket where it may be asked, a path of less than 108 bytes (unix(7)) */
  constructor(private readonly socket: string) {}

  /** @param pid a process in the namespace */
  start(pid: number, env: Record<string, string>): void {
    rmSync(this.socket, { force: true });
    this.child = Bun.spawn(
      [
        ...["slirp4netns", "--configure", "--mtu=1500", "--exit-fd=0", `--api-socket=${this.socket}`],
        // Else 10.0.2.2 would be this machine's loopback, with everything that listens there.
        ...["--disable-host-loopback", String(pid), SLIRP.tap],
      ],
      { stdin: "pipe", stdout: "ignore", stderr: "pipe", env: { ...process.env, ...env }, detached: true },
    );
    void this.listen(this.child.stderr);
  }

  /** Why it does not run; undefined while it does. */
  trouble(): string | undefined {
    const { child } = this;
    if (child && child.exitCode === null && child.signalCode === null) return undefined;
    return `slirp4netns does not run${this.words === "" ? "" : `: ${this.words}`}`;
  }

  /** Leads what comes to a UDP port of the machine (IPv4) to one of the namespace. @throws {SlirpError} */
  async forwardUdp(outside: number, inside: number): Promise<void> {
    const where = { proto: "udp", host_addr: "0.0.0.0", host_port: outside, guest_port: inside };
    const answer = await this.ask({ execute: "add_hostfwd", arguments: where });
    if (answer.error) throw new SlirpError(`UDP port ${outside}: ${answer.error.desc}`);
  }

  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child) {
      await child.stdin.end();
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(this.socket, { force: true });
  }

  private async listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.words = (this.words + decoder.decode(chunk)).trim().slice(-500);
  }

  /** One question a connection: it answers and closes (slirp4netns(1), API SOCKET). */
  private async ask(question: unknown): Promise<z.output<typeof ANSWER>> {
    const text = await new Promise<string>((resolve, reject) => {
      let answer = "";
      const timer = setTimeout(
        () => reject(new SlirpError("slirp4netns does not answer")),
        ANSWER_TIMEOUT_MS,
      );
      const done = () => {
        clearTimeout(timer);
        resolve(answer);
      };
      Bun.connect({
        unix: this.socket,
        socket: {
          open: (socket) => void socket.write(JSON.stringify(question)),
          data: (socket, chunk) => {
            answer += chunk.toString();
            if (answer.length > MAX_ANSWER_BYTES) socket.end();
          },
          close: done,
          error: done,
        },
      }).catch((error: unknown) => {
        clearTimeout(timer);
        reject(new SlirpError(`slirp4netns cannot be asked: ${error}`));
      });
    });
    try {
      return ANSWER.parse(JSON.parse(text));
    } catch {
      throw new SlirpError(`slirp4netns answered "${text.slice(0, 200)}"`);
    }
  }
}
