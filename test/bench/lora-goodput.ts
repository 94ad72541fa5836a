import { boxesOnAir } from "../../src/bench/lora/boxes-on-air.ts";
import { timeOnAirMs } from "../../src/lora/airtime/index.ts";
import { MAX_LIFETIME_MS } from "../../src/lora/link/index.ts";
import { PRESETS, type PresetName } from "../../src/lora/modulation.ts";
import { type BenchRow, benchRow } from "./report.ts";

/** The largest that a LoRa frame carries. */
const LARGEST_FRAME = 255;
/** Of one message: many pieces, one that fills most of a frame, and a short text. */
const SIZES = [8_000, 200, 40] as const;
type MessageBytes = (typeof SIZES)[number];
/** Messages that each sender has on the way at a time: of short ones more than go before one report. */
const AT_A_TIME: Record<MessageBytes, number> = { 8000: 2, 200: 64, 40: 64 };
/** For how many messages' time at the limit it is measured, for each sender. */
const MESSAGES_PER_SENDER = 30;
const LEAST_MESSAGES: Record<MessageBytes, number> = { 8000: 120, 200: 1_200, 40: 2_400 };
const WARM_UP = 0.1;
const SENDERS = [1, 5, 20] as const;
const LOSSES = [0, 0.1, 0.3] as const;

interface Crowd {
  preset: PresetName;
  senders: number;
  frameLoss: number;
  messageBytes: MessageBytes;
}

interface Outcome {
  /** Payload that arrived whole, in bytes a second. */
  goodput: number;
  accepted: number;
  /** Arrived whole and once, and acknowledged to the sender. */
  delivered: number;
}

interface Sent {
  isAcknowledged: boolean;
  arrivals: number;
}

/** No text, so that the message code changes nothing: it is the link that is measured. No two are the same. */
function payloadOf(id: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes).map((_, index) => id + index);
  new DataView(payload.buffer).setUint32(0, id);
  return payload;
}

/** Bytes a second of the largest frames back to back, with nothing between and no header. */
const limitOf = (preset: PresetName): number =>
  (LARGEST_FRAME * 1_000) / timeOnAirMs(PRESETS[preset], LARGEST_FRAME);

/** Senders with more to say than the channel carries, all to one box, all within hearing of each other. */
function measure({ preset, senders, frameLoss, messageBytes }: Crowd, quick: boolean): Outcome {
  const channel = { frequencyHz: 869_525_000, modulation: PRESETS[preset], powerDbm: 14 };
  const { time, boxes } = boxesOnAir({ count: senders + 1, channel, seed: 2026, frameLoss });
  const messages = Math.max(LEAST_MESSAGES[messageBytes], MESSAGES_PER_SENDER * senders) / (quick ? 4 : 1);
  const spanMs = (messages * messageBytes * 1_000) / limitOf(preset);
  const [receiver, ...others] = boxes;
  const accepted: Sent[] = [];
  let bytes = 0;
  let ended = 0;
  let isFeeding = true;
  receiver?.link.on("message", ({ payload }) => {
    const id = payload.length < 4 ? -1 : new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const sent = accepted[id];
    // What is not whole has not arrived.
    if (!sent || Buffer.compare(payload, payloadOf(id, messageBytes)) !== 0) return;
    sent.arrivals += 1;
    if (sent.arrivals === 1 && time.monotonicMs() >= spanMs * WARM_UP && isFeeding) bytes += payload.length;
  });
  for (const { link } of others) {
    const feed = () => {
      if (!isFeeding) return;
      const sent: Sent = { isAcknowledged: false, arrivals: 0 };
      const payload = payloadOf(accepted.length, messageBytes);
      const message = { payload, priority: "room", to: 1, lifetimeMs: MAX_LIFETIME_MS } as const;
      const admission = link.submit(message, ({ state }) => {
        if (state === "acknowledged") sent.isAcknowledged = true;
        if (state !== "acknowledged" && state !== "failed") return;
        ended += 1;
        feed();
      });
      if (admission.accepted) accepted.push(sent);
    };
    for (let message = 0; message < AT_A_TIME[messageBytes]; message += 1) feed();
  }
  time.advance(spanMs);
  isFeeding = false;
  time.runUntil(() => ended === accepted.length, spanMs * 50);
  const delivered = accepted.filter(({ isAcknowledged, arrivals }) => isAcknowledged && arrivals === 1);
  return {
    goodput: (bytes * 1_000) / (spanMs * (1 - WARM_UP)),
    accepted: accepted.length,
    delivered: delivered.length,
  };
}

/** Every crowd with long messages, and one sender of short ones: what the headers and reports cost. */
function crowds(): Crowd[] {
  return (Object.keys(PRESETS) as PresetName[]).flatMap((preset) => [
    ...SENDERS.flatMap((senders) =>
      LOSSES.map((frameLoss): Crowd => ({ preset, senders, frameLoss, messageBytes: 8_000 })),
    ),
    ...([200, 40] as const).map(
      (messageBytes): Crowd => ({ preset, senders: 1, frameLoss: 0, messageBytes }),
    ),
  ]);
}

/** What of the channel's limit arrives as payload, by preset, senders and loss, and whether all that was taken on did. */
export function goodputRows(quick: boolean, progress: (text: string) => void): BenchRow[] {
  return crowds().flatMap((crowd) => {
    const { preset, senders, frameLoss, messageBytes } = crowd;
    const from = senders === 1 ? "1 sender" : `${senders} senders`;
    const what = `${preset}, ${messageBytes} bytes a message, ${from}, ${frameLoss * 100} % of frames lost`;
    const hasGoal = senders === 1 && frameLoss === 0 && messageBytes === 8_000;
    progress(what);
    const { goodput, accepted, delivered } = measure(crowd, quick);
    return [
      benchRow({
        name: what,
        unit: "bytes/s",
        ours: goodput,
        reference: limitOf(preset),
        referenceName: "largest frames back to back",
        ...(hasGoal ? { goal: { of: "ratio", atLeast: 0.9 } } : {}),
      }),
      benchRow({
        name: `${what}: messages delivered, whole and once`,
        unit: "messages",
        ours: delivered,
        reference: accepted,
        referenceName: "accepted",
        goal: { of: "ratio", atLeast: 1 },
      }),
    ];
  });
}
