import { EventEmitter } from "node:events";
import { createLog } from "../../../src/host/log.ts";
import { UncaughtErrors } from "../../../src/host/uncaught-errors.ts";

// A process of the test's own, told by its argument what goes wrong in it; each word prints a line of JSON.
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
let nowMs = 0;
const errors = new UncaughtErrors({
  log: createLog({ level: "info" }),
  note: async (text, detail) => {
    if (process.argv[2] === "full") throw new Error("the medium is full");
    say({ noted: text, ...detail });
  },
  giveUp: () => {
    say({ gaveUp: true });
    setTimeout(() => process.exit(7), 50);
  },
  monotonicMs: () => nowMs,
});
await errors.start();

const wrong: Record<string, () => void> = {
  thrown: () => {
    throw new Error("of a timer");
  },
  rejected: () => void Promise.reject(new Error("of a promise")),
  emitted: () => void new EventEmitter().emit("error", new Error("of an emitter")),
  text: () => {
    throw "a mere text";
  },
};

async function later(...kinds: string[]): Promise<void> {
  for (const kind of kinds) {
    setTimeout(wrong[kind] ?? (() => {}), 0);
    await Bun.sleep(5);
  }
}

const scenes: Record<string, () => Promise<void>> = {
  each: () => later("thrown", "rejected", "emitted", "text"),
  full: () => later("thrown"),
  slowly: async () => {
    for (let index = 0; index < 30; index += 1) {
      await later("thrown");
      nowMs += 6_001;
    }
  },
  ever: async () => {
    setInterval(() => {
      throw new Error("again");
    }, 1);
    await Bun.sleep(10_000);
  },
  lapse: async () => {
    say({ trouble: errors.trouble(), detail: errors.detail() });
    await later("thrown");
    say({ trouble: errors.trouble(), detail: errors.detail() });
    nowMs += 3_600_001;
    say({ trouble: errors.trouble(), detail: errors.detail() });
  },
  stopped: async () => {
    await errors.stop();
    await later("thrown");
  },
};
await scenes[process.argv[2] ?? ""]?.();
say({ stillThere: true });
