import { boxesOnAir } from "../../src/bench/lora/boxes-on-air.ts";
import { timeOnAirMs } from "../../src/lora/airtime/index.ts";
import { PRESETS, type PresetName } from "../../src/lora/modulation.ts";
import { type BenchRow, benchRow } from "./report.ts";

/** The largest that a LoRa frame carries. */
const LARGEST_FRAME = 255;
const MESSAGE_BYTES = 8_000;
/** Messages that each sender has on the way at a time. */
const AT_A_TIME = 2;
/** For how many messages' time at the limit it is measured, for each sender. */
const MESSAGES_PER_SENDER = 30;
const LEAST_MESSAGES = 120;
const WARM_UP = 0.1;
const SENDERS = [1, 5, 20] as const;
const LOSSES = [0, 0.1, 0.3] as const;

interface Crowd {
  preset: PresetName;
  senders: number;
  frameLoss: number;
}

interface Outcome {
  /** Payload that arrived whole, in bytes a second. */
  goodput: number;
  accepted: number;
  delivered: number;
}

/** Bytes a second of the largest frames back to back, with nothing between and no header. */
const limitOf = (preset: PresetName): number =>
  (LARGEST_FRAME * 1_000) / timeOnAirMs(PRESETS[preset], LARGEST_FRAME);

/** Senders with more to say than the channel carries, all to one box, all within hearing of each other. */
function measure({ preset, senders, frameLoss }: Crowd, quick: boolean): Outcome {
  const channel = { frequencyHz: 869_525_000, modulation: PRESETS[preset], powerDbm: 14 };
  const { time, boxes } = boxesOnAir({ count: senders + 1, channel, seed: 2026, frameLoss });
  const messages = Math.max(LEAST_MESSAGES, MESSAGES_PER_SENDER * senders) / (quick ? 4 : 1);
  const spanMs = (messages * MESSAGE_BYTES * 1_000) / limitOf(preset);
  const [receiver, ...others] = boxes;
  let bytes = 0;
  let accepted = 0;
  let delivered = 0;
  let isFeeding = true;
  receiver?.link.on("message", ({ payload }) => {
    if (time.monotonicMs() >= spanMs * WARM_UP && isFeeding) bytes += payload.length;
  });
  for (const { link } of others) {
    const feed = () => {
      if (!isFeeding) return;
      // No text, so that the message code changes nothing: it is the link that is measured.
      const payload = new Uint8Array(MESSAGE_BYTES);
      const message = { payload, priority: "room", to: 1, lifetimeMs: spanMs * 100 } as const;
      const admission = link.submit(message, ({ state }) => {
        if (state === "acknowledged") delivered += 1;
        if (state === "acknowledged" || state === "failed") feed();
      });
      if (admission.accepted) accepted += 1;
    };
    for (let message = 0; message < AT_A_TIME; message += 1) feed();
  }
  time.advance(spanMs);
  isFeeding = false;
  time.runUntil(() => delivered === accepted, spanMs * 50);
  return { goodput: (bytes * 1_000) / (spanMs * (1 - WARM_UP)), accepted, delivered };
}

/** What of the channel's limit arrives as payload, by preset, senders and loss, and whether all that was taken on did. */
export function goodputRows(quick: boolean, progress: (text: string) => void): BenchRow[] {
  const rows: BenchRow[] = [];
  for (const preset of Object.keys(PRESETS) as PresetName[]) {
    for (const senders of SENDERS) {
      for (const frameLoss of LOSSES) {
        const what = `${preset}, ${senders === 1 ? "1 sender" : `${senders} senders`}, ${frameLoss * 100} % of frames lost`;
        progress(what);
        const { goodput, accepted, delivered } = measure({ preset, senders, frameLoss }, quick);
        rows.push(
          benchRow({
            name: what,
            unit: "bytes/s",
            ours: goodput,
            reference: limitOf(preset),
            referenceName: "largest frames back to back",
            ...(senders === 1 && frameLoss === 0 ? { goal: { of: "ratio", atLeast: 0.9 } } : {}),
          }),
          benchRow({
            name: `${what}: messages delivered`,
            unit: "messages",
            ours: delivered,
            reference: accepted,
            referenceName: "accepted",
            goal: { of: "ratio", atLeast: 1 },
          }),
        );
      }
    }
  }
  return rows;
}
