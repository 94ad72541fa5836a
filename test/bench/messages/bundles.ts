import { messagingBoxes } from "../../../src/bench/lora/messaging-boxes.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { subBandOf } from "../../../src/lora/airtime/index.ts";
import { type MessageCode, textCode } from "../../../src/lora/index.ts";
import { encodeBody } from "../../../src/messages/bundle/body-codec.ts";
import type { Bundle, BundleId } from "../../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle } from "../../../src/messages/bundle/bundle-codec.ts";
import { LIFETIME_S } from "../../../src/messages/desk/bundle-maker.ts";
import { encodeSealedBody } from "../../../src/messages/sealed/sealed-body.ts";
import { encodeSealed } from "../../../src/messages/sealed/sealed-form.ts";
import {
  arrivalOf,
  BOXES,
  channelOf,
  isFor,
  type Outcome,
  positionsOf,
  recipientsOf,
  type Said,
  type Scenario,
  talkOf,
} from "./talk.ts";

const HOUR_MS = 3_600_000;
export const LIFETIME_MS = 24 * HOUR_MS;
/** Before anything is counted: boxes find each other, and each one's person has told everybody who they are. */
const WARM_UP_MS = HOUR_MS;
const CARDS_MS = WARM_UP_MS / 3;
const CARD_BYTES = 60;
const SIGNATURE_BYTES = 64;
/** Clocks are known, as they are once a phone or a satellite has told: that costs four bytes. All of one time: it changes nothing. */
const CREATED_S = 1_800_000_000;
/** As the portal's pages have it. */
const SEALED_LIFETIME_S = 7 * 86_400;
/** What people show themselves as. */
const NAMES = ["Amina K.", "José", "Sarah Miller", "Ravi", "Nguyễn Thị Mai", "Оксана", "李伟", "Omar"];
/** As boxes have it; what is sent and received again and again is worked out once. */
const bodyCode = remembered(textCode);

/**
 * Messages as bundles over LoRa, in virtual time, until all have arrived or their lifetime is over.
 * @param isSigned whether direct messages carry a signature, as the first of a session does
 */
export async function bundlesOverAir(scenario: Scenario, isSigned = false): Promise<Outcome> {
  const channel = channelOf(scenario.preset);
  const { time, air, boxes, run } = messagingBoxes({
    ...{ count: BOXES, channel, seed: scenario.seed, positions: positionsOf(scenario) },
    subBand: subBandOf("EU868", channel),
    bodyCode,
  });
  const random = seededRandom(scenario.seed + 2_000);
  const submit = (from: number, bundle: Bundle) =>
    void boxes[from]?.custody.take(encodeBundle(bundle), 0, { by: "guest", station: `${from}` });
  for (let from = 0; from < BOXES; from += 1) {
    const card = bundleOf(
      from,
      { kind: "card", to: { kind: "everyone" }, priority: "room" },
      CARD_BYTES,
      random,
    );
    time.after(random() * CARDS_MS, () => submit(from, card));
  }
  await run(WARM_UP_MS);

  const startMs = time.monotonicMs();
  const warmUpAirMs = air.stats().airtimeMs;
  const saidBy = new Map<BundleId, Said>();
  const delaysMs = new Map<string, number>();
  let twice = 0;
  for (const [index, { custody }] of boxes.entries()) {
    custody.onNew(({ id }) => {
      const said = saidBy.get(id);
      if (!said || !isFor(said, index)) return;
      const arrival = arrivalOf(said, index);
      if (delaysMs.has(arrival)) twice += 1;
      else delaysMs.set(arrival, time.monotonicMs() - startMs - said.atMs);
    });
  }
  let sent = 0;
  for (const said of talkOf(scenario)) {
    sent += recipientsOf(said);
    const bundle = messageOf(said, isSigned, random);
    saidBy.set(bundleId(bundle), said);
    time.after(said.atMs, () => submit(said.from, bundle));
  }
  await run(scenario.loadMs);
  await run(LIFETIME_MS, () => delaysMs.size === sent);
  for (const { messages } of boxes) messages.stop();
  const fullestMs = boxes.map(({ name }) => air.airtime.mostInWindowMs(name, HOUR_MS));
  const airtimeMs = air.stats().airtimeMs - warmUpAirMs;
  return { sent, delaysMs, twice, airtimeMs, fullestHourMs: Math.max(...fullestMs) };
}

const keyOf = (person: number): Uint8Array => new Uint8Array(32).map((_, at) => person * 7 + at * 13 + 1);

function messageOf({ from, to, text }: Said, isSigned: boolean, random: () => number): Bundle {
  if (to === undefined) {
    const name = NAMES[from % NAMES.length] ?? "";
    const body = encodeBody("check-in", { name, state: "safe", text, place: { words: "" } });
    return {
      ...bundleOf(from, { kind: "check-in", to: { kind: "everyone" }, priority: "check-in" }, 0, random),
      body,
    };
  }
  const what = { kind: "direct", to: { kind: "person", key: keyOf(to) }, priority: "direct" } as const;
  const bundle = bundleOf(from, what, sealedBytes(text), random);
  return isSigned ? bundle : { ...bundle, signature: new Uint8Array(0) };
}

/** A direct message goes sealed and without a signature, in a session that both sides are in already. */
function sealedBytes(text: string): number {
  const tagBytes = 16;
  const body = encodeSealedBody({ kind: "text", text });
  const header = { ratchetKey: new Uint8Array(32), previousLength: 1, number: 1 };
  return encodeSealed({ header, box: new Uint8Array(body.length + tagBytes) }).length;
}

/** Its body is as random as what is sealed, and no code makes it shorter. */
function bundleOf(
  from: number,
  what: Pick<Bundle, "kind" | "to" | "priority">,
  bodyBytes: number,
  random: () => number,
): Bundle {
  const bytes = (length: number) => new Uint8Array(length).map(() => 1 + Math.floor(random() * 255));
  return {
    ...what,
    sender: { as: what.kind === "check-in" ? "guest" : "person", key: keyOf(from) },
    lifetimeS: what.kind === "direct" ? SEALED_LIFETIME_S : LIFETIME_S[what.kind],
    createdS: CREATED_S,
    sequence: Math.floor(random() * (what.kind === "direct" ? 2 ** 32 : 2 ** 8)),
    body: bytes(bodyBytes),
    signature: bytes(SIGNATURE_BYTES),
  };
}

function remembered(code: MessageCode): MessageCode {
  const known = new Map<string, Uint8Array>();
  const once = (what: string, bytes: Uint8Array, make: () => Uint8Array): Uint8Array => {
    const key = `${what} ${Buffer.from(bytes).toString("base64")}`;
    const made = known.get(key) ?? make();
    known.set(key, made);
    return made;
  };
  return {
    encode: (message) => once("encode", message, () => code.encode(message)),
    decode: (coded, maxBytes) => once(`decode ${maxBytes}`, coded, () => code.decode(coded, maxBytes)),
  };
}
