import { randomBytes } from "node:crypto";
import { defaultConfig } from "../../../src/config/index.ts";
import { systemTimers } from "../../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../../src/identity/index.ts";
import { MessagesPart, type MessagesPartOptions } from "../../../src/messages/messages-part.ts";
import { capturedLog } from "../captured-log.ts";
import { FakeClock } from "../fake-clock.ts";

/** What the journal was told. */
export interface Told {
  kind: string;
  subject: string;
}

/** The messages part of a box that has neither mesh nor LoRa, on a folder of its own. */
export function messagesBox(folder: string, options: Partial<MessagesPartOptions> = {}) {
  const { log, lines } = capturedLog();
  const clock = new FakeClock();
  const told: Told[] = [];
  const device = openDeviceKey(folder, () => {});
  const memberships = new Memberships(folder, device, clock, () => {}).open();
  const part = new MessagesPart({
    config: defaultConfig().messages,
    boxName: "Market Square",
    stateFolder: folder,
    device,
    memberships,
    networks: { onNetworks: () => () => {} },
    lora: undefined,
    onUplinkChange: () => () => {},
    clock,
    timers: systemTimers,
    bootClock: { bootId: "one", nowMs: () => clock.monotonicMs() },
    random: () => 0.5,
    randomBytes: (count) => randomBytes(count),
    journal: {
      append: async (_part, kind, subject = "") => {
        told.push({ kind, subject });
      },
    },
    log,
    ...options,
  });
  return { part, guests: part.guests, operator: part.operator, told, lines, memberships, clock };
}
