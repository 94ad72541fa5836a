import { writeSync } from "node:fs";
import { join } from "node:path";
import { LedgerStore, openKeptLedger } from "../../../../src/lora/airtime/index.ts";
import { connectSerial } from "../../../../src/lora/connect.ts";
import { withNamed } from "../../../../src/lora/discovery/named-lines.ts";
import { rank } from "../../../../src/lora/discovery/rank.ts";
import { Link } from "../../../../src/lora/link/index.ts";
import { LinkNumbers } from "../../../../src/lora/link-numbers.ts";
import { LoraCase } from "../../../../src/lora/lora-case.ts";
import { airOfLink } from "../../../../src/messages/lora/bundle-air.ts";
import { LoraMessages } from "../../../../src/messages/lora/lora-messages.ts";
import { capturedLog } from "../../captured-log.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";
import { FasterTime, jumpingClock } from "./faster-time.ts";
import { CHANNEL, lawOf } from "./kill-air.ts";
import { type KillBoxArguments, readerAt } from "./kill-roles.ts";

/**
 * A box with a LoRa case whose guests write, and read what is for them, until it is killed. Lines on standard output say what
 * has happened, only after it has: `up`, then `kept ID` to a guest who wrote to all, `wrote ID` to one who wrote to the reader
 * at the other end, `handed ID ADDRESS` where another box says that it has it, `came ID` from the air, `read ID ORDER` to the
 * reader here, and `receipt ID` that this one has sent.
 */
const { address, to, folder, port, sinceMs, seed, after, isWriting }: KillBoxArguments = JSON.parse(
  process.argv[2] ?? "{}",
);
const PAUSE_MS = 1_200;
const READ_EVERY_MS = 20;

const say = (what: string) => void writeSync(1, `${what}\n`);
const time = new FasterTime(sinceMs);
const { log } = capturedLog();
const random = Math.random;
const bootClock = time.bootClock;
const options = { timers: time, bootClock, log };

const { store, found } = openStand({ folder, ...options, clock: jumpingClock(random) });
if (found.setAside !== undefined || found.volatile !== undefined) throw new Error("the store was torn");
store.onNew(({ id, source }) => {
  if (source.by === "lora") say(`came ${id}`);
});

const ledgers = new LedgerStore(join(folder, "airtime.sqlite"), bootClock.bootId);
if (ledgers.open().setAside !== undefined) throw new Error("the ledger was torn");
const numbers = new LinkNumbers({
  path: join(folder, "link-numbers.json"),
  random,
  told: (message) => {
    throw new Error(message);
  },
});
numbers.open();
const link = new Link({ address, timers: time, random, nextNumber: () => numbers.next() });
// What the watcher finds where an operator names a line.
const named = withNamed([], [port]);
const [candidate] = rank(
  named.map(({ device }) => device),
  new Set([port]),
);
if (!candidate) throw new Error("no candidate");
const loraCase = new LoraCase({
  ...{ key: port, link, region: "EU868", channel: CHANNEL, sosReserve: 0.2, timers: time, random, log },
  ledgerOf: (subBand) =>
    openKeptLedger({ ...options, subBand: lawOf(subBand), store: ledgers, isForgetful: false }),
  connect: () =>
    connectSerial(
      candidate,
      { firmware: "rnode" },
      { context: { timers: time, random, log }, channel: CHANNEL },
    ),
});
const messages = new LoraMessages({
  air: airOfLink(link),
  custody: store,
  handedOver: (id, neighbour) => say(`handed ${id} ${neighbour}`),
  ...{ timers: time, random, log },
});
messages.start();
loraCase.come();
say("up");

const reader = readerAt(address);
const station = { by: "guest", station: `02:00:00:00:00:0${address}` } as const;

async function takeIn(written: { id: string; encoded: Uint8Array }): Promise<string> {
  const taken = await store.take(written.encoded, 0, station);
  if (taken.state !== "new" && taken.state !== "known")
    throw new Error(`not taken: ${JSON.stringify(taken)}`);
  return written.id;
}

/** One guest after the other's word, without end. */
async function write(): Promise<void> {
  for (let number = 0; isWriting; number += 1) {
    // Another person for each: nobody may write much.
    const writer = new Writer(seed + number);
    const kind = number % 3;
    if (kind === 0 && to !== undefined)
      say(`wrote ${await takeIn(writer.direct(readerAt(to), `message ${number} of ${seed}`))}`);
    else if (kind === 1) say(`kept ${await takeIn(writer.sos(`help ${number}`))}`);
    else say(`kept ${await takeIn(writer.post(`word ${number}`))}`);
    await Bun.sleep(random() * 2 * PAUSE_MS);
  }
}

async function read(): Promise<never> {
  for (let seen = 0; ; ) {
    for (const { id, order, bundle } of store.queries.inbox(reader.publicKey, seen)) {
      seen = order;
      if (bundle.kind !== "direct") continue;
      // What was read in an earlier life is still here where its receipt is not.
      if (order > after) say(`read ${id} ${order}`);
      const back = { kind: "person", key: bundle.sender.key } as const;
      // The same receipt in every life, as from a page that keeps what it has not got rid of.
      const receipt = reader.receipt("delivered", [id], { to: back, sequence: order });
      say(`receipt ${await takeIn(receipt)}`);
    }
    await Bun.sleep(READ_EVERY_MS);
  }
}

await Promise.all([write(), read()]);
