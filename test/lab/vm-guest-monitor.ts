import type { Socket } from "bun";
import { until } from "./lab.ts";

/** QEMU's own line (docs/interop/qmp-spec.rst): one command at a time. */
export class QemuMonitor {
  private rest = "";
  private socket: Socket | undefined;
  private answer: ((message: Record<string, unknown>) => void) | undefined;

  /** @param path of a socket that QEMU makes when it starts */
  static async open(path: string): Promise<QemuMonitor> {
    const monitor = new QemuMonitor();
    monitor.socket = await until(
      "QEMU's monitor",
      () =>
        Bun.connect({
          unix: path,
          socket: { data: (_, bytes) => monitor.take(new TextDecoder().decode(bytes)) },
        }).catch(() => undefined),
      60_000,
    );
    await monitor.execute("qmp_capabilities");
    return monitor;
  }

  async execute(command: string, options: Record<string, unknown> = {}): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    this.answer = resolve;
    this.socket?.write(`${JSON.stringify({ execute: command, arguments: options })}\n`);
    const answer = await promise;
    if ("error" in answer) throw new Error(`${command}: ${JSON.stringify(answer.error)}`);
    return answer.return;
  }

  /** Waits until a machine has been written or read as a whole. */
  async migrated(): Promise<void> {
    await until(
      "the machine's file",
      async () => {
        const { status } = (await this.execute("query-migrate")) as { status?: string };
        if (status === "failed") throw new Error("the machine's file cannot be written or read");
        return status === "completed";
      },
      180_000,
    );
  }

  private take(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = JSON.parse(line) as Record<string, unknown>;
      // The greeting and events are no answers.
      if ("return" in message || "error" in message) this.answer?.(message);
    }
  }
}
