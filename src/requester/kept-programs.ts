import type { Logger } from "../host/log.ts";
import { Supervised } from "../host/supervise.ts";

/** Where Debian keeps what is root's, beside the PATH that a shell may have without it. */
export const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;

/** The programs that serve one VPN, each started again when it ends. */
export class KeptPrograms {
  private readonly programs = new Map<string, Supervised>();

  /** @param folder of their process ids */
  constructor(
    private readonly folder: string,
    private readonly log: Logger,
  ) {}

  has(name: string): boolean {
    return this.programs.has(name);
  }

  async keep(name: string, command: readonly string[]): Promise<void> {
    if (this.has(name)) return;
    const program = new Supervised({
      name,
      // A terminal's Ctrl-C is not for it.
      command: ["setsid", ...command],
      runFolder: this.folder,
      log: this.log,
      env: { PATH },
    });
    this.programs.set(name, program);
    await program.start();
  }

  /** Why one of them does not run; undefined while all do. */
  trouble(): string | undefined {
    return [...this.programs.values()].flatMap(({ trouble }) => trouble ?? [])[0];
  }

  async end(): Promise<void> {
    await Promise.all([...this.programs.values()].map((program) => program.stop()));
    this.programs.clear();
  }
}
