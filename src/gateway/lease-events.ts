import { chmodSync, closeSync, constants, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../host/run.ts";
import { type LeaseEvent, LineReader, leaseScript, parseLeaseEvent } from "./leases.ts";

/** What dnsmasq's script writes into a FIFO, as events. */
export class LeaseEvents {
  private descriptor: number | undefined;
  private reader: { cancel(): Promise<void> } | undefined;

  constructor(private readonly runFolder: string) {}

  /** The script that dnsmasq is to call. */
  get script(): string {
    return join(this.runFolder, "lease-event");
  }

  private get fifo(): string {
    return join(this.runFolder, "lease-events");
  }

  /** @param failed told when reading breaks off */
  async start(take: (event: LeaseEvent) => void, failed: (error: unknown) => void): Promise<void> {
    writeFileSync(this.script, leaseScript(this.fifo));
    chmodSync(this.script, 0o755);
    // Put in the place of what a killed daemon left: a dnsmasq that lives on writes a plain file where there is none.
    const made = `${this.fifo}.new`;
    rmSync(made, { force: true });
    await run(["mkfifo", "-m", "600", made]);
    renameSync(made, this.fifo);
    // Opened for both ways: it never ends, whoever closes it on the other side (fifo(7)).
    this.descriptor = openSync(this.fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const reader = Bun.file(this.descriptor).stream().getReader();
    this.reader = reader;
    const lines = new LineReader();
    const decoder = new TextDecoder();
    const read = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        for (const line of lines.push(decoder.decode(value, { stream: true }))) {
          const event = parseLeaseEvent(line);
          if (event) take(event);
        }
      }
    };
    read().catch(failed);
  }

  stop(): void {
    void this.reader?.cancel().catch(() => undefined);
    this.reader = undefined;
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
