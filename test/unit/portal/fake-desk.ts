import type { DeskEvent, DeskGuest, PortalFacts } from "../../../src/portal/desk-api.ts";
import type { DeskClient, DeskError } from "../../../src/portal/desk-client.ts";
import { GuestDirectory } from "../../../src/portal/guest-directory.ts";

export const NEW: DeskGuest = { state: "new", armed: true, secondsLeft: 0 };
export const RELEASED: DeskGuest = { state: "released", armed: false, secondsLeft: 86_400 };

/** A daemon in memory. */
export class FakeDesk {
  readonly guests = new Map<string, DeskGuest>();
  /** What was asked of it: `agree 10.20.0.16 en`. */
  readonly calls: string[] = [];
  /** What every question is answered with, where it is answered so. */
  fault: DeskError | undefined;
  private waiting: DeskEvent[] = [];
  private wake: () => void = () => {};
  private open = false;

  async view(address: string): Promise<DeskGuest> {
    return this.answer(`view ${address}`, address);
  }

  async shown(address: string): Promise<DeskGuest> {
    return this.answer(`shown ${address}`, address);
  }

  async agree(address: string, language: string, phoneMs?: number): Promise<DeskGuest> {
    if (!this.fault) this.guests.set(address, RELEASED);
    return this.answer(`agree ${address} ${language}${phoneMs === undefined ? "" : ` ${phoneMs}`}`, address);
  }

  async leave(address: string): Promise<DeskGuest> {
    if (!this.fault) this.guests.set(address, { state: "expired", armed: true, secondsLeft: 0 });
    return this.answer(`leave ${address}`, address);
  }

  async *events(): AsyncGenerator<DeskEvent> {
    if (this.fault) throw this.fault;
    this.open = true;
    try {
      while (this.open) {
        for (const event of this.waiting.splice(0)) yield event;
        if (this.waiting.length === 0 && this.open) {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.open = false;
    }
  }

  /** Says something on the event stream, and waits until it was heard. */
  async tell(event: DeskEvent): Promise<void> {
    this.waiting.push(event);
    this.wake();
    await settle();
  }

  /** The stream breaks. */
  async hangUp(): Promise<void> {
    this.open = false;
    this.wake();
    await settle();
  }

  private answer(call: string, address: string): DeskGuest {
    this.calls.push(call);
    if (this.fault) throw this.fault;
    return this.guests.get(address) ?? NEW;
  }
}

/** Lets everything that waits for nothing but its turn go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A directory that follows a fake desk. The cast: a class with private fields is not its own shape. */
export function directoryOf(desk: FakeDesk, nowMs?: () => number): GuestDirectory {
  return new GuestDirectory(desk as unknown as DeskClient, nowMs);
}

/** The same, after the daemon has told of the box. */
export async function followingDirectory(
  desk: FakeDesk,
  facts: PortalFacts,
  nowMs?: () => number,
): Promise<GuestDirectory> {
  const directory = directoryOf(desk, nowMs);
  void directory.follow();
  await desk.tell({ kind: "facts", facts });
  return directory;
}
