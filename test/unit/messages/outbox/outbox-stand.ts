import { join } from "node:path";
import type { BundleId } from "../../../../src/messages/bundle/bundle.ts";
import type { Bridge, BridgeOutcome, OutsideItem } from "../../../../src/messages/outbox/bridge.ts";
import { Outbox } from "../../../../src/messages/outbox/outbox.ts";
import { capturedLog } from "../../captured-log.ts";
import { openStand, StandClocks } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";

/** A bridge that answers as a test says; `sent` where it says nothing. */
export class ScriptedBridge implements Bridge {
  readonly name = "script";
  readonly schemes = ["mailto"];
  readonly tried: OutsideItem[] = [];
  answers: BridgeOutcome[] = [];
  /** Looked at while an attempt is under way. */
  during: () => Promise<void> | void = () => {};

  async send(item: OutsideItem): Promise<BridgeOutcome> {
    this.tried.push(item);
    await this.during();
    return this.answers.shift() ?? "sent";
  }
}

/** A box of the same network. */
export const OTHER_BOX = new Writer(77, "box");

/** A box's store and its outbox in one folder; opened again, they are the same box after a restart. */
export async function openOutbox(
  folder: string,
  clocks = new StandClocks(),
  perHour = 1_000,
  random = () => 0,
) {
  const speaksFor = (key: Uint8Array) => Buffer.from(key).equals(OTHER_BOX.publicKey);
  const { store } = openStand({ folder, clocks, speaksFor });
  const bridge = new ScriptedBridge();
  const sent: BundleId[] = [];
  const telling = { fails: false };
  const { log, lines } = capturedLog();
  const outbox = new Outbox({
    path: join(folder, "outbox.sqlite"),
    custody: store,
    outside: (after, limit) => store.queries.outside(after, limit),
    isSent: (id) => store.queries.receipts(id).some(({ state }) => state === "delivered"),
    bridges: [bridge],
    perHour,
    timers: clocks.timers,
    random,
    log,
    sent: async (id) => {
      if (telling.fails) throw new Error("cannot be told");
      sent.push(id);
    },
  });
  const close = async () => {
    await outbox.stop();
    store.close();
  };
  return { store, bridge, outbox, sent, telling, clocks, lines, close };
}

/** The outbox's writes take real milliseconds: gives them their turn until something has come about. */
export async function until(what: string, come: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!come()) {
    if (performance.now() > deadlineMs) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
