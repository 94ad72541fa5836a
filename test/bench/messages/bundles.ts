import { messagingBoxes } from "../../../src/bench/lora/messaging-boxes.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { subBandOf } from "../../../src/lora/airtime/index.ts";
import type { Bundle, BundleId } from "../../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle } from "../../../src/messages/bundle/bundle-codec.ts";
import { encodeSealedBody } from "../../../src/messages/sealed/sealed-body.ts";
import { encodeSealed } from "../../../src/messages/sealed/sealed-form.ts";
import {
  arrivalOf,
  BODY_BYTES,
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
/** A direct message goes sealed and without a signature, in a session that both sides are in already. */
const SEALED_BYTES = sealedBytes("x".repeat(BODY_BYTES));

/**
 * Messages as bundles over LoRa, in virtual time, until all have arrived or their lifetime is over.
 * @param isSigned whether direct messages carry a signature, as the first of a session does
 */
export async function bundlesOverAir(scenario: Scenario, isSigned = false): Promise<Outcome> {
  const channel = channelOf(scenario.preset);
  const { time, air, boxes, run } = messagingBoxes({
    ...{ count: BOXES, channel, seed: scenario.seed, positions: positionsOf(scenario) },
    subBand: subBandOf("EU868", channel),
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

function messageOf({ from, to }: Said, isSigned: boolean, random: () => number): Bundle {
  const what =
    to === undefined
      ? ({ kind: "check-in", to: { kind: "everyone" }, priority: "check-in" } as const)
      : ({ kind: "direct", to: { kind: "person", key: keyOf(to) }, priority: "direct" } as const);
  const bundle = bundleOf(from, what, to === undefined ? BODY_BYTES : SEALED_BYTES, random);
  return isSigned || to === undefined ? bundle : { ...bundle, signature: new Uint8Array(0) };
}

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
    sender: { as: "person", key: keyOf(from) },
    lifetimeS: LIFETIME_MS / 1_000,
    createdS: 0,
    sequence: Math.floor(random() * 2 ** 32),
    body: bytes(bodyBytes),
    signature: bytes(SIGNATURE_BYTES),
  };
}
