import { judge, type Marks, steady, type Verdict, WELL } from "./marks.ts";
import { byRank, compareStanding, type Ranked } from "./rank.ts";

/** What may be too much for the box's own work. */
export const CAUSES = ["cpu", "memory", "io", "heat", "power"] as const;
export type Cause = (typeof CAUSES)[number];

/** How the box is at one instant, apart from its virtual machines as far as that can be told; undefined: cannot be told. */
export interface HostReading {
  /** Monotonic. */
  atMs: number;
  /** Share of the time, 0 to 1, in which work of the host waited for a processor. */
  cpuStall: number | undefined;
  /** The same over some seconds. */
  cpuStallLately: number | undefined;
  /** Share in which some task waited for memory that had been taken from it. */
  memoryStall: number | undefined;
  ioStall: number | undefined;
  availableMemoryMiB: number | undefined;
  /** The hottest part's, in degrees Celsius. */
  temperatureC: number | undefined;
  /** The chip has made itself slower, for heat or for want of voltage. */
  throttled: boolean | undefined;
  power: "mains" | "battery" | "low" | undefined;
}

export interface PressurePolicy {
  cpuStall: Marks;
  memoryStall: Marks;
  ioStall: Marks;
  /** Of what is available, so `high` is the lower number of the two. */
  leastMemoryMiB: { enough: number; tooLittle: number; riseMs: number; fallMs: number };
  temperatureC: Marks;
  /** Times alone, for what is so or not. */
  throttled: { riseMs: number; fallMs: number };
  /** At which state of its power the box stops lending; a throttled or undervolted one stops always. */
  stopOn: "battery" | "low";
  power: { riseMs: number; fallMs: number };
  /** Between two orders, so that the effect of one is seen before the next; freeing memory takes longer. */
  stepMs: number;
  displaceStepMs: number;
  /** A lease that is suspended stays so for this long at least, twice as long each further time … */
  holdMs: number;
  /** … up to this. One that ran for as long is as if it had never been suspended. */
  longestHoldMs: number;
}

export const USUAL_POLICY: PressurePolicy = {
  // A small board waits a tenth of the time for what it does every few seconds, and has enough for others all the same: it is
  // over by the mean of some seconds, which takes most of the time after which it is believed.
  cpuStall: { high: 0.3, low: 0.2, riseMs: 2_000, fallMs: 4_000 },
  memoryStall: { high: 0.1, low: 0.02, riseMs: 1_000, fallMs: 15_000 },
  ioStall: { high: 0.4, low: 0.1, riseMs: 3_000, fallMs: 10_000 },
  leastMemoryMiB: { enough: 128, tooLittle: 64, riseMs: 500, fallMs: 15_000 },
  // Raspberry Pi: the soft limit slows it down at 60 °C (3 A+/3 B+) and 80 °C (4, 5), the hard one at 85 °C.
  temperatureC: { high: 78, low: 72, riseMs: 5_000, fallMs: 30_000 },
  throttled: { riseMs: 2_000, fallMs: 30_000 },
  stopOn: "low",
  power: { riseMs: 2_000, fallMs: 30_000 },
  stepMs: 1_000,
  displaceStepMs: 5_000,
  holdMs: 10_000,
  longestHoldMs: 600_000,
};

interface Suspension {
  suspended: boolean;
  /** When it was suspended or resumed last. */
  atMs: number;
  /** How often in a row, for the time that it is held. */
  times: number;
}

/** What has to be remembered between two decisions. */
export interface PressureState {
  verdicts: Readonly<Record<PressureSign, Verdict>>;
  /** Those that pressure has suspended now or before; what others suspended is none of its business. */
  leases: ReadonlyMap<string, Suspension>;
  lastOrderMs: number;
  lastDisplacedMs: number;
}

type PressureSign = "cpu" | "memory" | "leastMemory" | "io" | "temperature" | "throttled" | "power";
const CAUSE_OF: Record<PressureSign, Cause> = {
  cpu: "cpu",
  memory: "memory",
  leastMemory: "memory",
  io: "io",
  temperature: "heat",
  throttled: "heat",
  power: "power",
};
const SIGNS: readonly PressureSign[] = [
  "cpu",
  "memory",
  "leastMemory",
  "io",
  "temperature",
  "throttled",
  "power",
];

export const CALM: PressureState = {
  verdicts: {
    cpu: WELL,
    memory: WELL,
    leastMemory: WELL,
    io: WELL,
    temperature: WELL,
    throttled: WELL,
    power: WELL,
  },
  leases: new Map(),
  lastOrderMs: Number.NEGATIVE_INFINITY,
  lastDisplacedMs: Number.NEGATIVE_INFINITY,
};

/** A lease that runs, or that pressure or somebody else has suspended. */
export interface PressedLease extends Ranked {
  suspended: boolean;
}

export type PressureOrder =
  | { order: "suspend"; id: string; cause: Cause }
  | { order: "resume"; id: string }
  /** Checkpoint it where that is possible, and end it: only that gives its memory back. */
  | { order: "displace"; id: string; cause: Cause };

export interface PressureDecision {
  state: PressureState;
  /** One at most, so that its effect is seen before the next. */
  orders: readonly PressureOrder[];
  causes: readonly Cause[];
  /** Whether a new lease is to be refused, and why. */
  refuses(asking: Pick<Ranked, "origin" | "priority">): string | undefined;
}

/**
 * What pressure on the box asks for now. The lowest lease gives way first, and comes back last. Want of memory is
 * answered by displacing, everything else by suspending; a further lease gives way only while it is still too much.
 *
 * It never flaps: a lease that was suspended stays so for `holdMs`, then twice that, and so on, whatever is measured;
 * and nobody is resumed while a cause holds.
 * @param leases all that there are now, in any order
 */
export function decidePressure(
  before: PressureState,
  reading: HostReading,
  leases: readonly PressedLease[],
  policy: PressurePolicy = USUAL_POLICY,
): PressureDecision {
  const nowMs = reading.atMs;
  const verdicts = judged(before.verdicts, reading, policy);
  const causesOf = (mark: "holds" | "presses") =>
    CAUSES.filter((cause) => SIGNS.some((sign) => verdicts[sign][mark] && CAUSE_OF[sign] === cause));
  const causes = causesOf("holds");
  const known = remembered(before.leases, leases, nowMs, policy);
  const lowestFirst = [...leases].sort(byRank);
  const maySpeak = nowMs - before.lastOrderMs >= policy.stepMs;
  const [order, change] = !maySpeak
    ? []
    : causes.length === 0
      ? resumption(lowestFirst, known, nowMs, policy)
      : givingWay(before, causesOf("presses"), lowestFirst, known, nowMs, policy);
  if (order && change) known.set(order.id, change);
  if (order?.order === "displace") known.delete(order.id);
  const state: PressureState = {
    verdicts,
    leases: known,
    lastOrderMs: order ? nowMs : before.lastOrderMs,
    lastDisplacedMs: order?.order === "displace" ? nowMs : before.lastDisplacedMs,
  };
  const waiting = lowestFirst.filter(({ id }) => known.get(id)?.suspended).at(-1);
  return {
    state,
    orders: order ? [order] : [],
    causes,
    refuses: (asking) => {
      if (causes.length > 0) return `the box needs itself: ${causes.join(", ")}`;
      if (waiting && compareStanding(asking, waiting) <= 0) return "leases that are suspended go first";
      return undefined;
    },
  };
}

function judged(
  verdicts: PressureState["verdicts"],
  reading: HostReading,
  policy: PressurePolicy,
): Record<PressureSign, Verdict> {
  const {
    cpuStall,
    cpuStallLately,
    memoryStall,
    ioStall,
    availableMemoryMiB,
    temperatureC,
    throttled,
    power,
    atMs,
  } = reading;
  const { enough, tooLittle, ...memoryTimes } = policy.leastMemoryMiB;
  const isStopped = power && (power === "low" || power === policy.stopOn);
  const yesNo = (times: { riseMs: number; fallMs: number }): Marks => ({ high: 1, low: 1, ...times });
  const asNumber = (value: boolean | undefined) => (value === undefined ? undefined : Number(value));
  const lack = availableMemoryMiB === undefined ? undefined : -availableMemoryMiB;
  const lackMarks = { high: -tooLittle, low: -enough, ...memoryTimes };
  return {
    cpu: judge(verdicts.cpu, { now: cpuStall, lately: cpuStallLately }, policy.cpuStall, atMs),
    memory: judge(verdicts.memory, steady(memoryStall), policy.memoryStall, atMs),
    leastMemory: judge(verdicts.leastMemory, steady(lack), lackMarks, atMs),
    io: judge(verdicts.io, steady(ioStall), policy.ioStall, atMs),
    temperature: judge(verdicts.temperature, steady(temperatureC), policy.temperatureC, atMs),
    throttled: judge(verdicts.throttled, steady(asNumber(throttled)), yesNo(policy.throttled), atMs),
    power: judge(verdicts.power, steady(power && Number(isStopped)), yesNo(policy.power), atMs),
  };
}

/** An order that shows no effect for so long was not carried out, or somebody else has undone it. */
const TAKES_EFFECT_MS = 5_000;

/** Without leases that are gone, and without those that have run so long that it is forgiven. */
function remembered(
  known: PressureState["leases"],
  leases: readonly PressedLease[],
  nowMs: number,
  { longestHoldMs }: PressurePolicy,
): Map<string, Suspension> {
  const isSuspended = new Map(leases.map(({ id, suspended }) => [id, suspended]));
  const left = new Map<string, Suspension>();
  for (const [id, suspension] of known) {
    const passedMs = nowMs - suspension.atMs;
    const runs = isSuspended.get(id) === false;
    if (!isSuspended.has(id)) continue;
    if (suspension.suspended && runs && passedMs >= TAKES_EFFECT_MS)
      left.set(id, { ...suspension, suspended: false, atMs: nowMs });
    else if (suspension.suspended || passedMs < longestHoldMs) left.set(id, suspension);
  }
  return left;
}

type Step = readonly [PressureOrder, Suspension | undefined] | readonly [];

function givingWay(
  before: PressureState,
  pressing: readonly Cause[],
  lowestFirst: readonly PressedLease[],
  known: ReadonlyMap<string, Suspension>,
  nowMs: number,
  policy: PressurePolicy,
): Step {
  if (pressing.includes("memory")) {
    const [lowest] = lowestFirst;
    if (lowest && nowMs - before.lastDisplacedMs >= policy.displaceStepMs)
      return [{ order: "displace", id: lowest.id, cause: "memory" }, undefined];
  }
  const other = pressing.find((cause) => cause !== "memory");
  const lowestRunning = lowestFirst.find(({ id, suspended }) => !suspended && !known.get(id)?.suspended);
  if (!other || !lowestRunning) return [];
  const times = (known.get(lowestRunning.id)?.times ?? 0) + 1;
  return [
    { order: "suspend", id: lowestRunning.id, cause: other },
    { suspended: true, atMs: nowMs, times },
  ];
}

/** The highest goes first; while it is held, those below it wait with it. */
function resumption(
  lowestFirst: readonly PressedLease[],
  known: ReadonlyMap<string, Suspension>,
  nowMs: number,
  { holdMs, longestHoldMs }: PressurePolicy,
): Step {
  const highest = lowestFirst.filter(({ id }) => known.get(id)?.suspended).at(-1);
  const suspension = highest && known.get(highest.id);
  if (!suspension) return [];
  const heldMs = Math.min(longestHoldMs, holdMs * 2 ** Math.min(30, suspension.times - 1));
  if (nowMs - suspension.atMs < heldMs) return [];
  return [
    { order: "resume", id: highest.id },
    { ...suspension, suspended: false, atMs: nowMs },
  ];
}
