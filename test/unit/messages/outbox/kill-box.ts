import { writeSync } from "node:fs";
import { configSchema } from "../../../../src/config/schema.ts";
import { systemClock } from "../../../../src/host/clock.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/index.ts";
import { decodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import { BundleMaker } from "../../../../src/messages/desk/bundle-maker.ts";
import { MailCarrier } from "../../../../src/messages/mail-carrier.ts";
import { capturedLog } from "../../captured-log.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";

/** What a box that is to be killed is told, as JSON. */
export interface KillBoxArguments {
  folder: string;
  /** Of the mail server, on this machine. */
  smtpPort: number;
  /** Another one in each life. */
  seed: number;
  /** Else its guests write nothing. */
  isWriting: boolean;
}

/**
 * A box whose guests write to people who have no box, and that mails, until it is killed. Lines on standard output say what
 * has happened, only after it has: `up`, then `kept ID` to a guest, `sent ID` once that it was sent is in custody.
 */
const { folder, smtpPort, seed, isWriting }: KillBoxArguments = JSON.parse(process.argv[2] ?? "{}");
const PAUSE_MS = 15;
/** How often an uplink comes: what could not be sent just now is tried again. */
const UPLINK_EVERY_MS = 50;

const say = (what: string) => void writeSync(1, `${what}\n`);
const { log } = capturedLog();
const random = Math.random;
/** It shows another year each time that it is looked at. */
const clock = { ...systemClock, wallMs: () => Math.floor(random() * 2.5e12) };
const box = new Writer(1, "box");
const { store, found } = openStand({
  ...{ folder, clock, timers: systemTimers, bootClock: systemBootClock(), log },
  speaksFor: (key) => Buffer.from(key).equals(box.publicKey),
});
if (found.setAside !== undefined || found.volatile !== undefined) throw new Error("the store was torn");
store.onNew(({ bundle }) => {
  if (bundle.kind !== "receipt") return;
  for (const id of decodeBody("receipt", bundle.body).of) say(`sent ${id}`);
});
const mailConfig = { host: "127.0.0.1", port: smtpPort, security: "none", from: "box@example.org" };
const { mail: config } = configSchema.parse({ messages: { mail: mailConfig } }).messages;
const mail = new MailCarrier({
  config,
  boxName: "Mill",
  stateFolder: folder,
  store,
  maker: new BundleMaker({
    key: () => box.key,
    wallMs: clock.wallMs,
    random32: () => Math.floor(random() * 2 ** 32),
  }),
  timers: systemTimers,
  random,
  log,
});
await mail.start();
say("up");
setInterval(() => mail.tryNow(), UPLINK_EVERY_MS);
for (let number = 0; isWriting; number += 1) {
  const to = { kind: "outside", uri: `mailto:kin${number}@example.org` } as const;
  const written = new Writer(seed + number).checkIn(`Ana ${number}`, { to });
  const taken = await store.take(written.encoded, 0, { by: "guest", station: "02:00:00:00:00:01" });
  if (taken.state !== "new") throw new Error(`not taken: ${JSON.stringify(taken)}`);
  say(`kept ${written.id}`);
  await Bun.sleep(random() * 2 * PAUSE_MS);
}
