/** The longest that a packet waits where its machine's share is used up; then packets are lost, which TCP understands. */
const LONGEST_QUEUE_MS = 100;
/** Bytes that may leave at once: more than the largest packet of one link, so that no packet waits for ever (tc-tbf(8)). */
const SMALLEST_BURST = 16_384;

/** What a machine may send and receive; kbit/s of 1,000 bits; undefined: as much as there is. */
export interface Bandwidth {
  upKbit: number | undefined;
  downKbit: number | undefined;
}

/**
 * The lines for `tc -batch` that hold a machine to its share: what it sends where it enters the tunnel, what it
 * receives where it leaves for the machine.
 */
export function tunnelShaping(tunnel: string, { upKbit }: Bandwidth): string[] {
  return tokenBucket(tunnel, upKbit);
}

export function tapShaping(tap: string, { downKbit }: Bandwidth): string[] {
  return tokenBucket(tap, downKbit);
}

function tokenBucket(device: string, kbit: number | undefined): string[] {
  if (kbit === undefined) return [];
  // What the rate sends in 10 ms, for clocks of a hundredth of a second.
  const burst = Math.max(SMALLEST_BURST, Math.ceil((kbit * 1_000) / 8 / 100));
  return [
    `qdisc replace dev ${device} root tbf rate ${kbit}kbit burst ${burst} latency ${LONGEST_QUEUE_MS}ms`,
  ];
}
