import { bundlesOverAir } from "./messages/bundles.ts";
import { floodingOverAir } from "./messages/flooding.ts";
import type { Outcome, Scenario } from "./messages/talk.ts";
import { type BenchRow, benchRow } from "./report.ts";

const SEEDS = 5;
const HOUR_MS = 3_600_000;
/** 10 % of an hour in 869.4–869.65 MHz. */
const LAW_MS = 0.1 * HOUR_MS;
/** How long they talk, by the seconds between two messages of a box. */
const LOAD_MS = new Map([
  [900, HOUR_MS],
  [100, HOUR_MS / 4],
]);

interface Load extends Omit<Scenario, "seed" | "loadMs"> {
  /** Mean delay of what arrives, in seconds, as Meshtasticator has it for flooding. */
  published?: { delayS: number; reachPercent: number };
}

const LOADS: readonly Load[] = [
  { preset: "LongFast", to: "direct", periodS: 900, published: { delayS: 6.3, reachPercent: 77 } },
  { preset: "LongFast", to: "direct", periodS: 100, published: { delayS: 143, reachPercent: 55.7 } },
  { preset: "LongFast", to: "everyone", periodS: 900, published: { delayS: 4.8, reachPercent: 74.6 } },
  { preset: "LongFast", to: "everyone", periodS: 100, published: { delayS: 88, reachPercent: 54.3 } },
  { preset: "MediumFast", to: "direct", periodS: 900, published: { delayS: 4.5, reachPercent: 80.7 } },
  { preset: "MediumFast", to: "direct", periodS: 100 },
  { preset: "MediumFast", to: "everyone", periodS: 900 },
  { preset: "MediumFast", to: "everyone", periodS: 100 },
];

export const LORA_NOTES = [
  "LoRa: 30 boxes in 15 × 15 km, each in reach of another, so that there is a way between any two; a text of 36 to 44 bytes a message, which no dictionary has seen, EU868 at 27 dBm with its 10 % in each hour, 5 seeds. One message a box every 900 s for an hour, or every 100 s for a quarter of one; then all wait until everything has arrived, 24 h at most. What is for everyone every 100 s is more than the law lets LongFast carry: each of the boxes between would need some 1,200 s of air in an hour, and has 360. It arrives when they have caught up, the later the longer they talk.",
  "Flooding: as Meshtastic's firmware does it, hop limit 3, three transmissions until an acknowledgement where it is for one, on the same air, the same places and the same talk. What is for everyone is signed on both sides (firmware 2.8 signs it too). Ours is a check-in, with a name and the time beside its text, all texts of it coded by what boxes have learned of 16 languages (about half is left); theirs is the text alone, as firmware sends it. A direct message of ours is sealed, 103 bytes for most texts in a session that has begun; one of theirs is the text.",
  "Meshtasticator: what that simulator gives for flooding at this load, elsewhere and without a law; its reach is 55 to 81 %. For comparison, not measured here.",
  "Airtime: of all boxes, with hellos, answers, repairs, and for us all that goes until the last message has arrived, by messages times recipients that were reached. Boxes find each other and learn everybody's key in an hour before, which is not counted.",
];

/** Messages over LoRa alone: what arrives, how late, and for how much air. */
export async function loraRows(quick: boolean, progress: (text: string) => void): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  let fullestMs = 0;
  let twice = 0;
  for (const load of LOADS) {
    const seeds = quick ? 1 : SEEDS;
    const pairs: { ours: Outcome; flooding: Outcome }[] = [];
    for (let seed = 1; seed <= seeds; seed += 1) {
      progress(`${nameOf(load)}, seed ${seed}`);
      const scenario = { ...load, seed, loadMs: (LOAD_MS.get(load.periodS) ?? HOUR_MS) / (quick ? 3 : 1) };
      pairs.push({ ours: await bundlesOverAir(scenario), flooding: floodingOverAir(scenario, true) });
    }
    fullestMs = Math.max(fullestMs, ...pairs.map(({ ours }) => ours.fullestHourMs));
    twice += pairs.reduce((sum, { ours }) => sum + ours.twice, 0);
    rows.push(...rowsOf(load, pairs));
  }
  return [...rows, ...(await signedRows(quick, progress)), ...lawRows(fullestMs, twice)];
}

function rowsOf(load: Load, pairs: readonly { ours: Outcome; flooding: Outcome }[]): BenchRow[] {
  const name = nameOf(load);
  const ours = sumOf(pairs.map((pair) => pair.ours));
  const flooding = sumOf(pairs.map((pair) => pair.flooding));
  // What both have brought, and how late each.
  const both = pairs.flatMap((pair) =>
    [...pair.flooding.delaysMs].flatMap(([arrival, theirsMs]) => {
      const oursMs = pair.ours.delaysMs.get(arrival);
      return oursMs === undefined ? [] : [{ oursMs, theirsMs }];
    }),
  );
  const { published } = load;
  const inFlooding = { referenceName: "flooding" };
  return [
    benchRow({
      ...{ name: `${name}: arrived`, unit: "messages", ours: ours.delivered, reference: ours.sent },
      referenceName: "sent",
      goal: { of: "ratio", atLeast: 1 },
    }),
    benchRow({
      ...{ name: `${name}: reach`, unit: "%", ...inFlooding },
      ours: (100 * ours.delivered) / ours.sent,
      reference: (100 * flooding.delivered) / flooding.sent,
      goal: { of: "ratio", atLeast: 1 },
    }),
    benchRow({
      ...{ name: `${name}: mean delay`, unit: "s", ours: ours.delayS },
      ...(published && { reference: published.delayS, referenceName: "Meshtasticator" }),
      ...(published && { goal: { of: "ratio", below: 1 } }),
    }),
    benchRow({
      ...{ name: `${name}: mean delay of what flooding brings too`, unit: "s", ...inFlooding },
      ours: meanOf(both.map(({ oursMs }) => oursMs)) / 1_000,
      reference: meanOf(both.map(({ theirsMs }) => theirsMs)) / 1_000,
      goal: { of: "ratio", below: 1 },
    }),
    benchRow({
      ...{ name: `${name}: airtime a delivery`, unit: "s", ...inFlooding },
      ours: ours.airtimeS / ours.delivered,
      reference: flooding.airtimeS / flooding.delivered,
      goal: { of: "ratio", below: 1 },
    }),
  ];
}

/** What it is where direct messages are signed as well, as the first of a session and the first of a day are. */
async function signedRows(quick: boolean, progress: (text: string) => void): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const load of LOADS.filter(({ preset, to }) => preset === "LongFast" && to === "direct")) {
    progress(`${nameOf(load)}, signed`);
    const scenario = { ...load, seed: 1, loadMs: (LOAD_MS.get(load.periodS) ?? HOUR_MS) / (quick ? 3 : 1) };
    const signed = sumOf([await bundlesOverAir(scenario, true)]);
    const sealed = sumOf([await bundlesOverAir(scenario)]);
    const name = `${nameOf(load)}, signed too, one seed`;
    rows.push(
      benchRow({
        ...{ name: `${name}: mean delay`, unit: "s", ours: signed.delayS },
        ...{ reference: sealed.delayS, referenceName: "sealed alone" },
      }),
      benchRow({
        ...{ name: `${name}: airtime a delivery`, unit: "s", ours: signed.airtimeS / signed.delivered },
        ...{ reference: sealed.airtimeS / sealed.delivered, referenceName: "sealed alone" },
      }),
    );
  }
  return rows;
}

const lawRows = (fullestMs: number, twice: number): BenchRow[] => [
  benchRow({
    ...{
      name: "LoRa, all loads: the fullest hour of any box",
      unit: "s on the air",
      ours: fullestMs / 1_000,
    },
    ...{ reference: LAW_MS / 1_000, referenceName: "the law" },
    goal: { of: "ours", atMost: LAW_MS / 1_000 },
  }),
  benchRow({
    ...{ name: "LoRa, all loads: what arrived twice", unit: "messages", ours: twice },
    goal: { of: "ours", atMost: 0 },
  }),
];

const nameOf = ({ preset, to, periodS }: Load): string =>
  `${preset}, ${to === "direct" ? "to one" : "to everyone"}, each ${periodS} s`;

function sumOf(outcomes: readonly Outcome[]) {
  const delays = outcomes.flatMap(({ delaysMs }) => [...delaysMs.values()]);
  return {
    sent: outcomes.reduce((sum, { sent }) => sum + sent, 0),
    delivered: delays.length,
    delayS: meanOf(delays) / 1_000,
    airtimeS: outcomes.reduce((sum, { airtimeMs }) => sum + airtimeMs, 0) / 1_000,
  };
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
