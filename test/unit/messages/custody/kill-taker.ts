import { writeSync } from "node:fs";
import { message, READER, receiptOf } from "./kill-messages.ts";
import { openStand, PEER, SELF } from "./store-stand.ts";

/**
 * Takes messages into custody without end, reads them and sends receipts, until it is killed. A line on standard output says
 * what was acknowledged, only after the store has said so: `took N`, `receipt N`; and what the reader got: `read N ORDER`.
 */
const [folder = "", from = "0", after = "0"] = process.argv.slice(2);
const TAKERS = 4;
/** Handed over anew, though most were acknowledged: whoever was not told does so. */
const AGAIN = 10;

const { store } = openStand({ folder });
const say = (what: string) => void writeSync(1, `${what}\n`);
const numbers = new Map<string, number>();
let next = Math.max(1, Number(from) - AGAIN);
let seen = Number(after);

async function takeWithoutEnd(): Promise<never> {
  for (;;) {
    const number = next;
    next += 1;
    const { id, encoded } = message(number);
    numbers.set(id, number);
    const taken = await store.take(encoded, 0, PEER);
    if (taken.state === "refused") throw new Error(`${number}: ${taken.reason}`);
    say(`took ${number}`);
  }
}

async function readWithoutEnd(): Promise<never> {
  for (;;) {
    for (const { id, order, bundle } of store.queries.inbox(READER.publicKey, seen)) {
      seen = order;
      const number = numbers.get(id) ?? Number(Buffer.from(bundle.body).toString().split(" ")[1]);
      say(`read ${number} ${order}`);
      if (number % 2 === 0) continue;
      await store.take(receiptOf(number).encoded, 0, SELF);
      say(`receipt ${number}`);
    }
    await new Promise(setImmediate);
  }
}

say("ready");
await Promise.all([...Array.from({ length: TAKERS }, takeWithoutEnd), readWithoutEnd()]);
