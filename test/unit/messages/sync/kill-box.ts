import { writeSync } from "node:fs";
import { join } from "node:path";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/airtime/index.ts";
import { BundleStore } from "../../../../src/messages/custody/bundle-store.ts";
import { MeshSync } from "../../../../src/messages/sync/mesh-sync.ts";
import { capturedLog } from "../../captured-log.ts";
import { Writer } from "../custody/writers.ts";
import { SocketEngine } from "./socket-engine.ts";

export interface KilledBoxArguments {
  name: "a" | "b";
  folder: string;
  /** Where the two meet. */
  socket: string;
  /** A number, for who writes; "listen": nobody does. */
  seed: string;
}

/**
 * A box whose guests write without end, and that exchanges bundles with another, until it is killed. Lines on standard
 * output say what has happened, only after it has: `up`, `kept ID` to a guest, `handed ID` to the other box, `came ID` from it.
 */
const { name, folder, socket, seed }: KilledBoxArguments = JSON.parse(process.argv[2] ?? "{}");
const PAUSE_MS = 10;
const WRITERS = 4;

const say = (what: string) => void writeSync(1, `${what}\n`);
const { log } = capturedLog();
const store = new BundleStore({
  path: join(folder, "messages.sqlite"),
  maxBytes: 512 * 1024 * 1024,
  // It shows another year each time that it is looked at.
  clock: { wallMs: () => Math.floor(Math.random() * 2.5e12) },
  timers: systemTimers,
  bootClock: systemBootClock(),
  log,
});
const found = store.open();
if (found.setAside !== undefined || found.volatile !== undefined) throw new Error("the store was torn");
store.onNew(({ id, source }) => {
  if (source.by === "box") say(`came ${id}`);
});
const engine = new SocketEngine(name, socket);
const sync = new MeshSync({
  engine,
  custody: store,
  isMetered: () => false,
  handedOver: (id) => say(`handed ${id}`),
  timers: systemTimers,
  random: Math.random,
  log,
});
sync.start();
engine.start();
say("up");

const station = `02:00:00:00:00:0${name === "a" ? 1 : 2}`;

/** One guest after the other's word, without end. */
async function write(writer: Writer): Promise<never> {
  for (let number = 0; ; number += 1) {
    const written =
      number % 7 === 0 ? writer.sos(`help ${number}`) : writer.post(`word ${number} of ${seed}`);
    const taken = await store.take(written.encoded, 0, { by: "guest", station });
    if (taken.state !== "new") throw new Error(`not taken: ${JSON.stringify(taken)}`);
    say(`kept ${written.id}`);
    await Bun.sleep(PAUSE_MS);
  }
}

if (seed !== "listen") {
  await Promise.all(
    Array.from({ length: WRITERS }, (_, one) => write(new Writer(WRITERS * Number(seed) + one, "guest"))),
  );
}
