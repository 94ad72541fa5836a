/**
 * batman-adv forgets a silent neighbour's path after five originator messages of the other end have come another way
 * (its window TQ_GLOBAL_WINDOW_SIZE): five intervals are the longest gap where no link reports its loss.
 */
export const SHORTEST_OGM_INTERVAL_MS = 100;
const LONGEST_MS = 1_000;
/** Every node passes every other's message on, so that each sends as many a second as there are nodes in an interval. */
const MESSAGES_PER_SECOND = 30;
/** Neighbours that see another number of nodes for a moment do not make it go up and down. */
const HYSTERESIS = 1.25;

/** For so long after a link was lost, the nodes at its ends send as often as this. */
export const AFTER_LOSS = { intervalMs: 60, forMs: 3_000 } as const;

/**
 * How often to send originator messages: as often as the air allows. The load on the air stays the same with more
 * nodes; a mesh of three has its paths again after half a second, one of ten after less than two. Measured with three
 * boxes of two radios each: 4.8 kB/s and 49 frames/s a box, which is 1.5 % of the air at 6 Mbit/s.
 * @param nodes this one included
 * @param currentMs kept while it is about right
 */
export function ogmIntervalMs(nodes: number, currentMs: number): number {
  const wanted = Math.min(
    LONGEST_MS,
    Math.max(SHORTEST_OGM_INTERVAL_MS, Math.ceil((nodes * 1_000) / MESSAGES_PER_SECOND)),
  );
  const ratio = wanted > currentMs ? wanted / currentMs : currentMs / wanted;
  const isAtAnEnd = wanted === SHORTEST_OGM_INTERVAL_MS || wanted === LONGEST_MS;
  return ratio > HYSTERESIS || (isAtAnEnd && ratio > 1) ? wanted : currentMs;
}
