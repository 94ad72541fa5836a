/** One frame's time on the air, as an observer with a spectrum analyser would note it. */
export interface AirtimeEntry {
  frequencyHz: number;
  bandwidthHz: number;
  startMs: number;
  endMs: number;
}

/** Frames whose centre frequency is in here, the upper end not included. */
export interface Band {
  lowHz: number;
  highHz: number;
}

/**
 * Who was on the air when and where, kept by the air and not by whoever sends: what a ledger of airtime claims can be
 * checked against it.
 */
export class AirtimeRecord {
  private readonly byModem = new Map<string, AirtimeEntry[]>();

  /** @param memoryMs entries that ended longer ago than this may be forgotten */
  constructor(private readonly memoryMs = Number.POSITIVE_INFINITY) {}

  /** Entries of one modem come in order and do not overlap: it sends one frame at a time. */
  note(modem: string, entry: AirtimeEntry): void {
    const entries = this.byModem.get(modem) ?? [];
    this.byModem.set(modem, entries);
    entries.push(entry);
    this.forget(entries, entry.startMs - this.memoryMs);
  }

  /** The last frame of this modem ended sooner than it was to. */
  cutOff(modem: string, endMs: number): void {
    const last = this.byModem.get(modem)?.at(-1);
    if (last) last.endMs = Math.min(last.endMs, endMs);
  }

  entries(modem: string, band?: Band): readonly AirtimeEntry[] {
    const all = this.byModem.get(modem) ?? [];
    return band ? all.filter((entry) => isIn(entry, band)) : all;
  }

  totalMs(modem: string, band?: Band): number {
    return this.entries(modem, band).reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  }

  /**
   * The most airtime that lies in any span of `windowMs`, wherever it begins. Such a span can be moved on, without
   * losing any, until it ends with a frame: only those are looked at.
   */
  mostInWindowMs(modem: string, windowMs: number, band?: Band): number {
    const entries = this.entries(modem, band);
    const before = runningTotals(entries);
    const untilMs = (ms: number) => totalUntil(entries, before, ms);
    return entries.reduce((most, { endMs }) => Math.max(most, untilMs(endMs) - untilMs(endMs - windowMs)), 0);
  }

  private forget(entries: AirtimeEntry[], beforeMs: number): void {
    const oldest = entries[0];
    const middle = entries[entries.length >> 1];
    // Half at a time, so that it costs little on each entry.
    if (oldest && middle && middle.endMs < beforeMs) entries.splice(0, entries.length >> 1);
  }
}

const isIn = ({ frequencyHz }: AirtimeEntry, { lowHz, highHz }: Band): boolean =>
  lowHz <= frequencyHz && frequencyHz < highHz;

/** The airtime of all entries before each. */
function runningTotals(entries: readonly AirtimeEntry[]): readonly number[] {
  let sum = 0;
  return entries.map(({ startMs, endMs }) => {
    const before = sum;
    sum += endMs - startMs;
    return before;
  });
}

/** The airtime up to a moment. */
function totalUntil(entries: readonly AirtimeEntry[], before: readonly number[], ms: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.startMs ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  const last = entries[low - 1];
  return last ? (before[low - 1] ?? 0) + Math.min(ms, last.endMs) - last.startMs : 0;
}
