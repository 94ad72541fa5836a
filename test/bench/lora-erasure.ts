import { seededRandom } from "../../src/bench/seeded-random.ts";
import { type BenchRow, benchRow } from "./report.ts";

/** A question and a report with the silence around them, in the time of a largest frame: 10 and 20 bytes of 255. */
const QUESTION = 0.3;
const REPORT = 0.35;
const RUNS = 4_000;
const PIECES = [2, 8, 33, 128] as const;
const LOSSES = [0.1, 0.3] as const;
/** As the link does it. */
const BURST = 32;

type Random = () => number;

/** The turn's end: asked until the report comes. @returns the time that it takes */
function untilReported(loss: number, random: Random): number {
  let time = REPORT;
  while (random() < loss || random() < loss) time += QUESTION + REPORT;
  return time;
}

/** Time until all pieces are there and known to be, in largest frames: what is missing goes again. */
function bySelectiveRepeat(pieces: number, loss: number, random: Random): number {
  let time = 0;
  for (let missing = pieces; missing > 0; ) {
    const burst = Math.min(missing, BURST);
    let lost = 0;
    for (let frame = 0; frame < burst; frame += 1) if (random() < loss) lost += 1;
    missing -= burst - lost;
    time += burst + untilReported(loss, random);
  }
  return time;
}

/**
 * The same with an erasure code of which any `pieces` frames make the message, as Reed and Solomon's, and a sender that
 * knows the loss: each burst is as long as it must be, on average, for the rest of the message.
 */
function byErasureCode(pieces: number, loss: number, random: Random): number {
  let time = 0;
  for (let missing = pieces; missing > 0; ) {
    const burst = Math.ceil(missing / (1 - loss));
    for (let frame = 0; frame < burst; frame += 1) if (random() >= loss) missing -= 1;
    time += burst + untilReported(loss, random);
  }
  return time;
}

/**
 * Why the link repeats what is missing instead of coding against erasures: a code saves rounds, each of which is short
 * beside the frames, and pays for them with frames that were not needed.
 */
export function erasureRows(): BenchRow[] {
  return LOSSES.flatMap((loss) =>
    PIECES.map((pieces) => {
      const random = seededRandom(pieces);
      let [ours, code] = [0, 0];
      for (let run = 0; run < RUNS; run += 1) {
        ours += bySelectiveRepeat(pieces, loss, random);
        code += byErasureCode(pieces, loss, random);
      }
      return benchRow({
        name: `${pieces} pieces at ${loss * 100} % loss, by selective repeat`,
        unit: "frames' time",
        ours: ours / RUNS,
        reference: code / RUNS,
        referenceName: "an ideal erasure code",
      });
    }),
  );
}
