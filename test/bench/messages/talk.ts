import { type AirPosition, distanceM, pathLossDb, suburban } from "../../../src/bench/air/path-loss.ts";
import { sensitivityDbm } from "../../../src/bench/air/sensitivity.ts";
import { exponential, seededRandom } from "../../../src/bench/seeded-random.ts";
import { type ChannelSettings, PRESETS, type PresetName } from "../../../src/lora/modulation.ts";
import { furtherTexts } from "../text-sample/further-texts.ts";
import { heldOutTexts, SAMPLE_LANGUAGES } from "../text-sample/index.ts";

/** As Meshtasticator has it (github.com/meshtastic/Meshtasticator): boxes in a square, and about as many bytes a message. */
export const BOXES = 30;
const TEXT_BYTES = 40;
const LONGER_OR_SHORTER = 4;
const SIDE_M = 15_000;
const LEAST_APART_M = 10;
/** What the law allows in 869.4–869.65 MHz; Meshtasticator sends with 30 dBm. */
export const POWER_DBM = 27;
const FREQUENCY_HZ = 869_525_000;
const NOISE_FIGURE_DB = 6;

export interface Scenario {
  preset: Extract<PresetName, "LongFast" | "MediumFast">;
  /** `direct`: from one to another, by chance; `everyone`: to all. */
  to: "direct" | "everyone";
  /** Seconds between two messages of a box, on average. */
  periodS: number;
  /** For how long they talk. */
  loadMs: number;
  seed: number;
}

/** What somebody says. */
export interface Said {
  atMs: number;
  from: number;
  /** undefined: everyone. */
  to: number | undefined;
  /** 36 to 44 bytes of UTF-8. */
  text: string;
}

/** What has become of all that was said. */
export interface Outcome {
  /** Messages, each times its recipients. */
  sent: number;
  /** From being said to its arrival, by message and recipient, see {@link arrivalOf}. */
  delaysMs: ReadonlyMap<string, number>;
  /** Of all boxes together, hellos and all. */
  airtimeMs: number;
  /** The most that any box had on the air in any hour. */
  fullestHourMs: number;
  /** Arrivals of what had arrived before. */
  twice: number;
}

export const channelOf = (preset: Scenario["preset"]): ChannelSettings => ({
  frequencyHz: FREQUENCY_HZ,
  modulation: PRESETS[preset],
  powerDbm: POWER_DBM,
});

/** At random, each in reach of one that is there already: there is a way from each to every other. */
export function positionsOf({ seed, preset }: Pick<Scenario, "seed" | "preset">): AirPosition[] {
  const random = seededRandom(seed);
  const { modulation, powerDbm } = channelOf(preset);
  const leastDbm = sensitivityDbm(modulation, NOISE_FIGURE_DB);
  const model = suburban();
  const positions: AirPosition[] = [];
  while (positions.length < BOXES) {
    const position = { x: random() * SIDE_M, y: random() * SIDE_M };
    const distances = positions.map((other) => distanceM(position, other));
    const isReached = distances.some(
      (distance) => powerDbm - pathLossDb(model, distance, FREQUENCY_HZ, 0) >= leastDbm,
    );
    if (positions.length === 0 || (isReached && Math.min(...distances) >= LEAST_APART_M))
      positions.push(position);
  }
  return positions;
}

/**
 * What people write after a disaster and no dictionary of a box has seen, on the sample's subjects. In these few bytes UTF-8 has a sentence
 * of Latin or Chinese script, and hardly any of others, which the boxes' code makes shorter still.
 */
const TEXTS = SAMPLE_LANGUAGES.flatMap((language) => [
  ...heldOutTexts(language),
  ...furtherTexts(language),
]).filter((text) => Math.abs(Buffer.byteLength(text) - TEXT_BYTES) <= LONGER_OR_SHORTER);

/** Who says something to whom and when, in order. */
export function talkOf({ seed, to, periodS, loadMs }: Scenario): Said[] {
  const random = seededRandom(seed + 1_000);
  const randomText = seededRandom(seed + 4_000);
  const nextMs = () => exponential(random, periodS * 1_000);
  const said: Said[] = [];
  for (let from = 0; from < BOXES; from += 1) {
    for (let atMs = nextMs(); atMs < loadMs; atMs += nextMs()) {
      const other = Math.floor(random() * (BOXES - 1));
      const one = other < from ? other : other + 1;
      const text = TEXTS[Math.floor(randomText() * TEXTS.length)] ?? "";
      said.push({ atMs, from, to: to === "everyone" ? undefined : one, text });
    }
  }
  return said.toSorted((a, b) => a.atMs - b.atMs);
}

export const recipientsOf = ({ to }: Said): number => (to === undefined ? BOXES - 1 : 1);

export const arrivalOf = ({ from, atMs }: Said, to: number): string => `${from} ${atMs} ${to}`;

/** Whether a message is meant for this box. */
export const isFor = ({ from, to }: Said, box: number): boolean => box !== from && (to ?? box) === box;
