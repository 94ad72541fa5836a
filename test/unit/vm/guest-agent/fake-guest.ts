import type { Socket } from "bun";

/** A guest whose agent says what a test has it say, behind a real Unix socket as QEMU makes it. */
export class FakeGuest {
  /** The requests that have come, without their numbers. */
  readonly heard: string[] = [];
  /** What it answers to a request, or undefined for nothing. */
  answer: (request: string) => string | undefined;
  connections = 0;
  private line: Socket | undefined;
  private rest = "";
  private readonly listener: { stop(closeActive?: boolean): void };
  private readonly waiting: { count: number; resolve(): void }[] = [];
  private drained: (() => void) | undefined;

  constructor(path: string, answer: (request: string) => string | undefined) {
    this.answer = answer;
    this.listener = Bun.listen({
      unix: path,
      socket: {
        open: (socket) => {
          this.line = socket;
          this.rest = "";
          this.connections += 1;
        },
        data: (_, bytes) => this.take(new TextDecoder().decode(bytes)),
        drain: () => this.drained?.(),
      },
    });
  }

  /** Resolves when so many requests have come. */
  async hasHeard(count: number): Promise<void> {
    if (this.heard.length >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.push({ count, resolve });
    await promise;
  }

  /** @returns how many bytes the other side took, or the kernel for it */
  say(text: string): number {
    return this.line?.write(text) ?? 0;
  }

  /** Says the same again and again, as fast as it is taken. */
  flood(text: string, took: (bytes: number) => void): void {
    const pour = () => {
      for (;;) {
        const written = this.say(text);
        if (written <= 0) return;
        took(written);
        if (written < text.length) return;
      }
    };
    this.drained = pour;
    pour();
  }

  /** QEMU's end, as in a restore. */
  hangUp(): void {
    this.line?.end();
  }

  stop(): void {
    this.listener.stop(true);
  }

  private take(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") continue;
      const [number = "", ...request] = line.split(" ");
      this.heard.push(request.join(" "));
      const answer = this.answer(request.join(" "));
      if (answer !== undefined) this.say(`${number} ${answer}\n`);
    }
    for (const { count, resolve } of this.waiting) if (this.heard.length >= count) resolve();
  }
}
