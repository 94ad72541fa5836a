import { systemTimers, type Timers } from "../../host/timers.ts";
import { AgentConnection } from "./agent-connection.ts";
import { type AgentAnswer, type AgentRequest, encodeRequest, LAST_NUMBER } from "./agent-line.ts";
import { GuestAgentError } from "./guest-agent-error.ts";
import {
  freshnessRequests,
  type GuestPreparation,
  preparationRequests,
  renewalRequests,
} from "./preparation.ts";

/** What this side speaks; the image's manifest names what it speaks. */
export const AGENT_PROTOCOL = 1;

/** The kernel's start alone takes seconds in emulation. */
const HELLO_TIMEOUT_MS = 60_000;
const TIMEOUT_MS = 10_000;
/** QEMU makes its socket some time after it has been started. */
const CONNECT_EVERY_MS = 25;
/** A reason is shown and logged. */
const MAX_REASON = 200;

export interface GuestHello {
  /** Of the agent and all that is in the first file system with it. */
  version: string;
  /** Since the kernel's start. */
  uptimeMs: number;
}

export interface PreparedGuest {
  /** The machine's public key as OpenSSH writes it: the type and base64. */
  hostKey: string;
}

export interface GuestAgentOptions {
  timers?: Timers;
  /**
   * The number of the first request. By default a random one: an answer to a question of an earlier run, which the guest
   * could not be rid of until now, is then not taken for one to this run's.
   */
  firstNumber?: number;
}

interface Pending {
  settle(answer: AgentAnswer): void;
  fail(reason: string): void;
}

/**
 * The agent in one guest, by the Unix socket of its virtio-serial port `omerta.agent`. Connects when it is asked for
 * something, and anew after a restore, whose QEMU is another. Every question ends: answered, or with a
 * {@link GuestAgentError} that names it. A guest that has been handed over may answer anything: what it says is believed
 * only before that.
 */
export class GuestAgent {
  private readonly timers: Timers;
  private number: number;
  private connection: AgentConnection | undefined;
  private opening: Promise<void> | undefined;
  private closed = false;
  private readonly pending = new Map<number, Pending>();

  /** @param path of the socket; it need not be there yet */
  constructor(
    private readonly path: string,
    options: GuestAgentOptions = {},
  ) {
    this.timers = options.timers ?? systemTimers;
    this.number = options.firstNumber ?? 1 + Math.floor(Math.random() * (LAST_NUMBER - 1));
  }

  /**
   * Waits for the agent: through QEMU's start and the kernel's.
   * @throws {GuestAgentError} when it does not come, or speaks something else
   */
  async hello(timeoutMs = HELLO_TIMEOUT_MS): Promise<GuestHello> {
    const answer = await this.ask({ command: "hello", arguments: [] }, timeoutMs);
    const [, protocol, version, uptimeMs] = /^(\d{1,4}) ([\w.-]{1,64}) (\d{1,15})$/.exec(answer) ?? [];
    if (version === undefined) throw new GuestAgentError("hello", "not an answer to it");
    if (Number(protocol) !== AGENT_PROTOCOL)
      throw new GuestAgentError("hello", `it speaks ${protocol}, not ${AGENT_PROTOCOL}`);
    return { version, uptimeMs: Number(uptimeMs) };
  }

  /**
   * Makes it one requester's machine: new randomness first, then time, DNS, keys, and SSH only when it has them all. In
   * a machine for which this fails SSH has not been started.
   * @param timeoutMs for all of it
   * @throws {GuestAgentError} that names the step
   */
  async prepare(preparation: GuestPreparation, timeoutMs = TIMEOUT_MS): Promise<PreparedGuest> {
    const requests = preparationRequests(preparation);
    const untilMs = this.timers.monotonicMs() + timeoutMs;
    // The agent takes them one after the other; to wait for each answer would take as many turns.
    const answers = await this.askAll(requests, timeoutMs);
    await this.ask({ command: "ssh", arguments: [] }, untilMs - this.timers.monotonicMs());
    const hostKey = preparation.hostKey?.publicKey ?? answers.at(-1) ?? "";
    if (!/^ssh-ed25519 [A-Za-z0-9+/]{68}$/.test(hostKey))
      throw new GuestAgentError("hostkey", "the machine's key is not told");
    return { hostKey };
  }

  /** For a machine that goes on from a file with what it has: new randomness, and the time. @throws {GuestAgentError} */
  async refresh(freshness: Pick<GuestPreparation, "seed" | "timeMs">, timeoutMs = TIMEOUT_MS): Promise<void> {
    await this.askAll(freshnessRequests(freshness), timeoutMs);
  }

  /** The same, and who may log in and whom it asks for names by what it is lent for from now on. @throws {GuestAgentError} */
  async renew(renewal: Omit<GuestPreparation, "hostKey">, timeoutMs = TIMEOUT_MS): Promise<void> {
    await this.askAll(renewalRequests(renewal), timeoutMs);
  }

  /** @throws {GuestAgentError} */
  async ping(timeoutMs = TIMEOUT_MS): Promise<void> {
    await this.ask({ command: "ping", arguments: [] }, timeoutMs);
  }

  /** Has the machine write what it has not written yet and turn itself off. @throws {GuestAgentError} */
  async halt(timeoutMs = TIMEOUT_MS): Promise<void> {
    await this.ask({ command: "halt", arguments: [] }, timeoutMs);
  }

  /** Whoever waits for an answer gets an error. */
  close(): void {
    this.closed = true;
    this.connection?.close();
    this.lose("it was closed");
  }

  private async askAll(requests: readonly AgentRequest[], timeoutMs: number): Promise<string[]> {
    const asked = await Promise.allSettled(requests.map((request) => this.ask(request, timeoutMs)));
    // The first that went wrong: what comes after it may have gone wrong because of it.
    return asked.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  private async ask(request: AgentRequest, timeoutMs: number): Promise<string> {
    const step = request.command;
    const untilMs = this.timers.monotonicMs() + timeoutMs;
    const connection = await this.connected(step, untilMs);
    // Between that and this it may have been closed, or have ended: then nobody would answer, or say that nobody does.
    if (this.closed) throw new GuestAgentError(step, "it was closed");
    if (connection.isClosed) throw new GuestAgentError(step, "its line has ended");
    const number = this.number;
    this.number = number === LAST_NUMBER ? 1 : number + 1;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = (reason: string) => reject(new GuestAgentError(step, reason));
    const late = this.timers.after(Math.max(0, untilMs - this.timers.monotonicMs()), () =>
      fail(`no answer in ${Math.round(timeoutMs)} ms`),
    );
    this.pending.set(number, {
      settle: ({ ok, text }) => (ok ? resolve(text) : fail(text.slice(0, MAX_REASON))),
      fail,
    });
    if (!connection.send(encodeRequest(number, request))) fail("it does not take what it was sent before");
    return promise.finally(() => {
      late();
      this.pending.delete(number);
    });
  }

  private async connected(step: string, untilMs: number): Promise<AgentConnection> {
    for (;;) {
      if (this.closed) throw new GuestAgentError(step, "it was closed");
      if (this.connection !== undefined) return this.connection;
      this.opening ??= this.open().finally(() => {
        this.opening = undefined;
      });
      const failure = await this.opening.then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      if (failure === undefined) continue;
      if (this.timers.monotonicMs() + CONNECT_EVERY_MS > untilMs)
        throw new GuestAgentError(step, `its line is not there: ${failure}`);
      await new Promise<void>((resolve) => void this.timers.after(CONNECT_EVERY_MS, resolve));
    }
  }

  private async open(): Promise<void> {
    const connection = await AgentConnection.open(
      this.path,
      {
        answered: (answer) => this.pending.get(answer.number)?.settle(answer),
        ended: () => {
          this.connection = undefined;
          this.lose("its line has ended");
        },
      },
      this.timers,
    );
    if (this.closed) connection.close();
    if (connection.isClosed) throw new Error("it has ended at once");
    // Ends what an earlier connection may have left unfinished in the guest.
    connection.send(Buffer.from("\n"));
    this.connection = connection;
  }

  private lose(reason: string): void {
    for (const pending of this.pending.values()) pending.fail(reason);
    this.pending.clear();
  }
}
