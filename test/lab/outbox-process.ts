/**
 * A box's store and outbox alone, as a process of its own that a lab may kill. Arguments: one JSON text,
 * {@link OutboxProcessConfig}. Prints a JSON line when its items have changed; SIGUSR2 says that an uplink has come.
 */
import { join } from "node:path";
import { systemClock } from "../../src/host/clock.ts";
import { atIntervals } from "../../src/host/intervals.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { systemBootClock } from "../../src/lora/index.ts";
import { encodeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { BundleStore } from "../../src/messages/custody/bundle-store.ts";
import { Outbox } from "../../src/messages/outbox/outbox.ts";
import { type SmtpOptions, smtpBridge } from "../../src/messages/outbox/smtp-bridge.ts";
import { bundleNumber } from "../unit/messages/sync/numbered-bundles.ts";

export interface OutboxProcessConfig {
  folder: string;
  smtp: SmtpOptions;
  /** Check-ins that it takes at its start. */
  checkIns: { number: number; uri: string; text: string }[];
}

if (import.meta.main) {
  const { folder, smtp, checkIns } = JSON.parse(process.argv[2] ?? "") as OutboxProcessConfig;
  const log = createLog({
    level: "debug",
    destination: { write: (line) => void process.stderr.write(line) },
  });
  const store = new BundleStore({
    path: join(folder, "messages.sqlite"),
    maxBytes: 64 * 1024 * 1024,
    clock: systemClock,
    timers: systemTimers,
    bootClock: systemBootClock(),
    log,
  });
  store.open();
  const outbox = new Outbox({
    path: join(folder, "outbox.sqlite"),
    custody: store,
    outside: (after, limit) => store.queries.outside(after, limit),
    isSent: () => false,
    bridges: [smtpBridge(smtp)],
    timers: systemTimers,
    random: Math.random,
    log,
    sent: async () => {},
  });
  process.on("SIGUSR2", () => outbox.tryNow());
  await outbox.start();
  for (const { number, uri, text } of checkIns) {
    const bundle = bundleNumber(number, { to: { kind: "outside", uri }, text });
    await store.take(encodeBundle(bundle), 0, { by: "self" });
  }
  let said = "";
  atIntervals(
    25,
    () => {
      const line = `${JSON.stringify(outbox.entries())}\n`;
      if (line !== said) process.stdout.write(line);
      said = line;
    },
    (error) => log.error({ error }, "entries"),
  );
}
