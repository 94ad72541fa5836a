/** The chunks that a byte can stand for; two values introduce bytes as they are: one of them, or a run with its length. */
const CHUNKS = 253;
const LONGEST_CHUNK = 12;
const RARE = 3;

/**
 * A static code as in small-string compressors such as smaz: frequent chunks of the training texts, a byte each.
 * @returns the bytes that the shortest way to write a text takes
 */
export function shortestByChunks(training: readonly string[]): (text: Uint8Array) => number {
  const chunks = new Set(frequentChunks(training));
  return (text) => {
    const latin = Buffer.from(text).toString("latin1");
    // The shortest way to write all from each place on; where it begins in a run, that run's two bytes are paid already.
    const costs = new Array<number>(latin.length + 1).fill(0);
    const inRun = new Array<number>(latin.length + 1).fill(0);
    for (let at = latin.length - 1; at >= 0; at -= 1) {
      let best = Math.min(2 + (costs[at + 1] ?? 0), 2 + 1 + (inRun[at + 1] ?? 0));
      for (let length = 1; length <= LONGEST_CHUNK && at + length <= latin.length; length += 1) {
        if (chunks.has(latin.slice(at, at + length))) best = Math.min(best, 1 + (costs[at + length] ?? 0));
      }
      costs[at] = best;
      inRun[at] = Math.min(best, 1 + (inRun[at + 1] ?? 0));
    }
    return costs[0] ?? 0;
  };
}

/** By the bytes that each saves, again and again where longer ones have taken their part. */
function frequentChunks(training: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of training) {
    const latin = Buffer.from(text).toString("latin1");
    for (let at = 0; at < latin.length; at += 1) {
      for (let length = 1; length <= LONGEST_CHUNK && at + length <= latin.length; length += 1) {
        const chunk = latin.slice(at, at + length);
        counts.set(chunk, (counts.get(chunk) ?? 0) + 1);
      }
    }
  }
  const savings = [...counts].filter(([, count]) => count >= RARE);
  savings.sort(([a, times], [b, others]) => others * b.length - times * a.length);
  const taken: string[] = [];
  for (const [chunk, count] of savings) {
    if (taken.length === CHUNKS) break;
    const isPart = taken.some(
      (longer) => longer.includes(chunk) && (counts.get(longer) ?? 0) * 2 > count && chunk.length > 1,
    );
    if (!isPart) taken.push(chunk);
  }
  return taken;
}
