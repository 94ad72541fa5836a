import type { Logger } from "./log.ts";
import { Supervised } from "./supervise.ts";

const SETTLE_MS = 20;

/** Tells, at once, that network interfaces have come, gone or changed (ip-monitor(8)). */
export class LinkMonitor {
  private readonly monitor: Supervised;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param changed called after a change, once for a burst of them */
  constructor(runFolder: string, log: Logger, changed: () => void) {
    this.monitor = new Supervised({
      name: "link-monitor",
      command: ["ip", "-o", "monitor", "link"],
      runFolder,
      log,
      onLine: () => {
        this.timer ??= setTimeout(() => {
          this.timer = undefined;
          changed();
        }, SETTLE_MS);
      },
    });
  }

  start(): Promise<void> {
    return this.monitor.start();
  }

  async stop(): Promise<void> {
    await this.monitor.stop();
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
