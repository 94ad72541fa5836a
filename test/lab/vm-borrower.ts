import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { LabHost } from "./lab.ts";
import type { BorrowerOrder, Ready, Wish } from "./vm-borrower-process.ts";

type Answer = { number: number; result?: unknown; error?: string };

/** It was killed before it answered. */
export class BorrowerGoneError extends Error {
  override readonly name = "BorrowerGoneError";
}

/** A requester as a process on a host of the lab, of which many things can be asked at a time. */
export class Borrower {
  private readonly waiting = new Map<number, PromiseWithResolvers<Answer>>();
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private asked = 0;

  private constructor(command: readonly string[]) {
    this.child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    void this.read();
  }

  /** Goes on with the leases that one with the same folder has left. */
  static async start(host: LabHost, order: BorrowerOrder): Promise<Borrower> {
    mkdirSync(order.folder, { recursive: true });
    const program = join(import.meta.dir, "vm-borrower-process.ts");
    const made = new Borrower(host.command([process.execPath, program, JSON.stringify(order)]));
    await made.answerTo(0);
    return made;
  }

  borrow = (wish: Wish) => this.call<string>("borrow", wish);
  ready = (id: string) => this.call<Ready>("ready", id);
  release = (id: string) => this.call<string>("release", id);
  leases = () => this.call<string[]>("leases");

  /** Its own process: `ip netns exec` becomes it. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  /** Its leases are the next one's. */
  async stop(): Promise<void> {
    await this.call("stop");
    await this.kill();
  }

  private async call<T>(call: string, argument?: unknown): Promise<T> {
    this.asked += 1;
    const number = this.asked;
    const answer = this.answerTo(number);
    this.child.stdin.write(`${JSON.stringify({ number, call, argument })}\n`);
    void this.child.stdin.flush();
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${call}: ${error}`);
    // Each call says what it answers.
    return result as T;
  }

  private answerTo(number: number): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    // Whoever asked may not wait for it.
    answer.promise.catch(() => undefined);
    this.waiting.set(number, answer);
    if (this.child.exitCode !== null || this.child.signalCode !== null)
      answer.reject(new BorrowerGoneError("it is gone"));
    return answer.promise;
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        this.waiting.get(answer.number)?.resolve(answer);
        this.waiting.delete(answer.number);
      }
    }
    for (const { reject } of this.waiting.values()) reject(new BorrowerGoneError("it is gone"));
  }
}
