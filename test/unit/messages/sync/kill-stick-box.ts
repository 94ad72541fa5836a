import { writeSync } from "node:fs";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/index.ts";
import { StickCarrier } from "../../../../src/messages/stick-carrier.ts";
import { capturedLog } from "../../captured-log.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";

/** What a box that is to be killed is told, as JSON. */
export interface KillStickBoxArguments {
  folder: string;
  /** The stick that is plugged in, if one is. */
  stick?: string;
  /** Another one in each life. */
  seed: number;
  /** Else its guests write nothing. */
  isWriting: boolean;
}

/**
 * A box whose guests write, and that exchanges with a stick again and again, until it is killed. Lines on standard output say
 * what has happened, only after it has: `up`, then `kept ID` to a guest, `came ID` from the stick, and when the operator was
 * told of an exchange, `exchanged N`: what had come to this box by the order N is on the stick.
 */
const { folder, stick, seed, isWriting }: KillStickBoxArguments = JSON.parse(process.argv[2] ?? "{}");
const PAUSE_MS = 10;

const say = (what: string) => void writeSync(1, `${what}\n`);
const { log } = capturedLog();
/** It shows another year each time that it is looked at. */
const wallMs = () => Math.floor(Math.random() * 2.5e12);
const { store, found } = openStand({
  ...{ folder, clock: { wallMs }, timers: systemTimers, bootClock: systemBootClock(), log },
});
if (found.setAside !== undefined || found.volatile !== undefined) throw new Error("the store was torn");
store.onNew(({ id, source }) => {
  if (source.by === "folder") say(`came ${id}`);
});
const sticks = new StickCarrier({
  ...{ beneath: "", custody: store, wallMs, timers: systemTimers, log },
  told: () => {},
});
say("up");

async function write(): Promise<void> {
  for (let number = 0; isWriting; number += 1) {
    const writer = new Writer(seed + number);
    const written = number % 7 === 0 ? writer.sos(`help ${number}`) : writer.post(`word ${number}`);
    const taken = await store.take(written.encoded, 0, { by: "guest", station: "02:00:00:00:00:01" });
    if (taken.state !== "new") throw new Error(`not taken: ${JSON.stringify(taken)}`);
    say(`kept ${written.id}`);
    await Bun.sleep(Math.random() * 2 * PAUSE_MS);
  }
}

async function exchange(): Promise<void> {
  while (stick !== undefined) {
    await sticks.importFrom(stick);
    const order = store.queries.newestOrder();
    await sticks.exportTo(stick);
    say(`exchanged ${order}`);
    await Bun.sleep(PAUSE_MS);
  }
}

await Promise.all([write(), exchange()]);
