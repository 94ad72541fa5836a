import { bytesToHex } from "@noble/hashes/utils.js";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import type { BundleId } from "../../src/messages/bundle/bundle.ts";
import { IdIndex } from "../../src/messages/custody/id-index.ts";
import { type Found, IP_LIMITS, opening, type Range, reply } from "../../src/messages/sync/reconcile.ts";
import { decodeFrame, encodeFrame } from "../../src/messages/sync/sync-frame.ts";
import { reconcileByTables } from "./bloom-lookup.ts";
import { type BenchRow, benchRow, type Goal } from "./report.ts";

const CASES = [
  { common: 100_000, fresh: 100, bytes: { of: "ratio", below: 0.1 } },
  { common: 1_000, fresh: 10, bytes: { of: "ratio", below: 0.5 } },
  { common: 100_000, fresh: 0, bytes: { of: "ratio", below: 0.001 } },
] as const satisfies readonly { common: number; fresh: number; bytes: Goal }[];
const RUNS = 9;
const QUICK_RUNS = 3;
const ID_BYTES = 12;

export const SYNC_NOTES = [
  "Sync: one box has so many ids more than the other. Bytes and round trips are of all frames both ways, without the bundles; the time is of both sides together, in one process, with coding and decoding, the middle of several runs. Indices are kept as bundles come and go, and not counted.",
  "All ids: one side sends each of its ids, 12 bytes each, and the other answers with what is missing.",
  "Lookup tables (IBLT) that are doubled until they can be read take fewer bytes where something differs. They read all ids in each round, as a box cannot keep a table for each neighbour and size; one who chooses ids can make them unreadable for good, unless each pair salts its own; and one that is too small has told nothing. Ranges need an index that is kept anyway, tell something with each message, and cost next to nothing where nothing differs, which is the usual case: what is new is offered to neighbours at once.",
];

interface Cost {
  bytes: number;
  roundTrips: number;
  ms: number;
}

/** What it costs two boxes to find what differs, against sending all ids, and against another published method. */
export function syncRows(quick: boolean): BenchRow[] {
  const random = seededRandom(11);
  return CASES.flatMap(({ common, fresh, bytes }) => {
    const shared = ids(common, random);
    const more = [...shared, ...ids(fresh, random)];
    const [near, far] = [indexOf(shared), indexOf(more)];
    const runs = quick ? QUICK_RUNS : RUNS;
    const ranges = middle(runs, () => byRanges(near, far, fresh));
    const all = middle(runs, () => byAllIds(near, far, fresh));
    const tables = middle(runs, () => reconcileByTables(shared, more));
    const name = `sync, ${fresh} new of ${common.toLocaleString("en")}`;
    return [
      benchRow({
        name: `${name}: bytes`,
        unit: "kB",
        ours: ranges.bytes / 1_000,
        reference: all.bytes / 1_000,
        referenceName: "all ids",
        goal: bytes,
      }),
      benchRow({
        name: `${name}: time of both`,
        unit: "ms",
        ours: ranges.ms,
        reference: all.ms,
        referenceName: "all ids",
      }),
      benchRow({
        name: `${name}: round trips`,
        unit: "",
        ours: ranges.roundTrips,
        reference: all.roundTrips,
        referenceName: "all ids",
        goal: { of: "ours", atMost: 4 },
      }),
      benchRow({
        name: `${name}: bytes`,
        unit: "kB",
        ours: ranges.bytes / 1_000,
        reference: tables.bytes / 1_000,
        referenceName: "lookup tables",
      }),
      benchRow({
        name: `${name}: time of both`,
        unit: "ms",
        ours: ranges.ms,
        reference: tables.ms,
        referenceName: "lookup tables",
      }),
    ];
  });
}

function byRanges(near: IdIndex, far: IdIndex, differing: number): Cost {
  const beganMs = performance.now();
  const found: Found = { theirs: [], ours: [] };
  let bytes = 0;
  let roundTrips = 0;
  /** As it comes out at the other side. */
  const sent = (says: "compare" | "compared", ranges: readonly Range[]): readonly Range[] => {
    const encoded = encodeFrame({ says, rank: "room", ranges });
    bytes += encoded.length;
    const decoded = decodeFrame(encoded);
    return decoded.says === says ? decoded.ranges : [];
  };
  for (let asked = opening(near); asked.length > 0; roundTrips += 1) {
    const answered = sent("compared", reply(far, sent("compare", asked), IP_LIMITS));
    asked = reply(near, answered, IP_LIMITS, found);
  }
  mustBe(found.theirs.length + found.ours.length, differing);
  return { bytes, roundTrips, ms: performance.now() - beganMs };
}

function byAllIds(near: IdIndex, far: IdIndex, differing: number): Cost {
  const beganMs = performance.now();
  const sent = Buffer.from(near.ids().join(""), "hex");
  const hex = bytesToHex(sent);
  const known = new Set<BundleId>();
  for (let at = 0; at < hex.length; at += 2 * ID_BYTES) known.add(hex.slice(at, at + 2 * ID_BYTES));
  const missing = far.ids().filter((id) => !known.has(id));
  const answer = Buffer.from(missing.join(""), "hex");
  mustBe(missing.length, differing);
  return { bytes: sent.length + answer.length, roundTrips: 1, ms: performance.now() - beganMs };
}

function middle(runs: number, run: () => Cost): Cost {
  const costs = Array.from({ length: runs }, run).sort((a, b) => a.ms - b.ms);
  const cost = costs[runs >> 1];
  if (!cost) throw new Error("no run");
  return cost;
}

function mustBe(found: number, differing: number): void {
  if (found !== differing) throw new Error(`${found} ids were found to differ, not ${differing}`);
}

function ids(count: number, random: () => number): BundleId[] {
  const word = () => Math.floor(random() * 2 ** 32);
  const hex = (value: number) => value.toString(16).padStart(8, "0");
  return Array.from({ length: count }, () => hex(word()) + hex(word()) + hex(word()));
}

function indexOf(all: readonly BundleId[]): IdIndex {
  const index = new IdIndex();
  for (const id of all) index.add(id);
  return index;
}
