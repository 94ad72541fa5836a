import { writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SessionStore } from "../../../src/gateway/session-store.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { Journal, openDocument } from "../../../src/store/index.ts";

/**
 * Writes to a folder without end, by all three ways that the box has to keep something, until it is killed. A line on
 * standard output says what is kept, only after the write has said so: `document N`, `journal N`, `session MAC N`.
 */
const [folder = "", from = "0"] = process.argv.slice(2);
const SESSIONS = 16;

const acknowledge = (what: string) => void writeSync(1, `${what}\n`);

const document = openDocument(join(folder, "counter.json"), z.strictObject({ counter: z.int() }), () => ({
  counter: 0,
}));
const journal = new Journal(join(folder, "journal.sqlite"), systemClock, 10_000_000);
const sessions = new SessionStore(join(folder, "sessions.sqlite"));
journal.open();
sessions.open();

let number = Number(from);

async function writeDocument(): Promise<never> {
  for (;;) {
    document.update((data) => {
      data.counter += 1;
    });
    acknowledge(`document ${document.data.counter}`);
    await new Promise(setImmediate);
  }
}

async function writeJournal(): Promise<never> {
  for (;;) {
    number += 1;
    const entry = number;
    await journal.append("writer", "tick", String(entry));
    acknowledge(`journal ${entry}`);
  }
}

async function writeSession(station: number): Promise<never> {
  const mac = `02:00:00:00:00:${station.toString(16).padStart(2, "0")}`;
  for (;;) {
    number += 1;
    const remainingMs = number;
    await sessions.save([{ mac, ipv4: `10.20.0.${station + 16}`, language: "en", from: "", remainingMs }]);
    acknowledge(`session ${mac} ${remainingMs}`);
  }
}

acknowledge("ready");
await Promise.all([
  writeDocument(),
  ...Array.from({ length: 4 }, writeJournal),
  ...Array.from({ length: SESSIONS }, (_, station) => writeSession(station)),
]);
