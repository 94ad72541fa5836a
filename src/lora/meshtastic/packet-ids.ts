/** The low bits count, so that no two of a thousand are the same; the others are random (Router.cpp does so). */
const COUNTER_BITS = 10;
const COUNTER_MASK = 2 ** COUNTER_BITS - 1;

/** Numbers for packets, none of them 0: the firmware ignores a packet whose number it has seen. */
export class PacketIds {
  private counter: number;

  constructor(private readonly random: () => number) {
    this.counter = Math.floor(random() * COUNTER_MASK);
  }

  next(): number {
    this.counter = (this.counter + 1) & COUNTER_MASK;
    const high = Math.floor(this.random() * 2 ** (32 - COUNTER_BITS));
    return high * 2 ** COUNTER_BITS + this.counter || 1;
  }
}
