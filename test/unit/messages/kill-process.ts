import { afterAll, beforeAll, expect } from "bun:test";

/** A program that is killed again and again, over all of its lives. */
export class KilledProgram {
  private child: ReturnType<typeof Bun.spawn> | undefined;
  private reading: Promise<void> = Promise.resolve();
  private errors: Promise<string> = Promise.resolve("");

  constructor(
    private readonly program: Program,
    /** Told of each line that it writes, in words. */
    private readonly hear: (what: string, ...words: string[]) => void,
  ) {}

  /** @returns when it has said `up`, or is dead */
  start(config: object): Promise<void> {
    const child = this.program.spawn(JSON.stringify(config));
    this.child = child;
    this.errors = new Response(child.stderr).text();
    const up = Promise.withResolvers<void>();
    this.reading = this.listen(child.stdout, up.resolve).finally(() => up.resolve());
    return up.promise;
  }

  /** SIGKILL; all that it said until then is known afterwards. */
  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
    await this.reading;
    expect(await this.errors).toBe("");
    expect(this.child?.signalCode).toBe("SIGKILL");
  }

  private async listen(stdout: ReadableStream<Uint8Array>, up: () => void): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stdout) {
      text += decoder.decode(chunk, { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const [what = "", ...words] = line.split(" ");
        if (what === "up") up();
        else this.hear(what, ...words);
      }
    }
  }
}

/** What is run. */
export interface Program {
  spawn(argument: string): Bun.Subprocess<"ignore", "pipe", "pipe">;
}

/** For one test file: a program of its own, in one file, which starts in half the time. Whatever runs of it at the end is killed. */
export function killedProgram(path: string, folder: () => string): Program {
  const running = new Set<Bun.Subprocess>();
  let built = "";
  beforeAll(async () => {
    const { outputs } = await Bun.build({ entrypoints: [path], target: "bun", outdir: folder() });
    built = outputs[0]?.path ?? "";
  });
  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
  });
  return {
    spawn(argument) {
      const child = Bun.spawn([process.execPath, built, argument], { stdout: "pipe", stderr: "pipe" });
      running.add(child);
      void child.exited.then(() => running.delete(child));
      return child;
    },
  };
}
