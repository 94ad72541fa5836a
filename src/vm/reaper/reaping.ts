import { type Belonging, belongingKey } from "./belongings.ts";
import { planReaping } from "./reap-plan.ts";

/** The machine, as far as reaping needs it. */
export interface ReapMachine {
  /** All that belongs to leases now. */
  find(): Belonging[];
  /** What only libvirt knows of. */
  findDomains(): Promise<Belonging[]>;
  apply(plan: readonly Belonging[]): Promise<void>;
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
}

export interface ReapTimes {
  /** Between two looks. */
  everyMs: number;
  /** It is over when nothing has turned up for so long: libvirtd may still be making what a dead daemon has asked for. */
  quietMs: number;
  /** Then it is over in any case. */
  maxMs: number;
}

export interface Reaped {
  /** What was found and is gone. */
  ended: Belonging[];
  /** What could not be ended. */
  left: Belonging[];
  /** From the beginning until the last of it was gone. */
  tookMs: number;
}

/**
 * Ends all that belongs to leases that nobody looks after, again and again until nothing is left of them.
 * @param live ids of the leases that are spared, asked for anew at each look
 * @param tell told of each thing before it is ended: whoever is killed meanwhile has left word of it
 */
export async function reap(
  machine: ReapMachine,
  live: () => readonly string[],
  times: ReapTimes,
  tell: (toEnd: readonly Belonging[]) => void = () => undefined,
): Promise<Reaped> {
  const beganMs = machine.monotonicMs();
  const ended: Belonging[] = [];
  const told = new Set<string>();
  let seen = new Map<string, Belonging>();
  let goneMs = beganMs;
  let clearMs: number | undefined;
  let domains: Belonging[] = [];
  for (;;) {
    const plan = planReaping(machine.find(), live());
    const nowMs = machine.monotonicMs();
    const isQuiet = plan.length === 0 && nowMs - (clearMs ?? nowMs) >= times.quietMs;
    // Last, for libvirtd may be down or hang, and nothing that costs anybody anything is left by now.
    if (isQuiet) domains = planReaping(await machine.findDomains(), live());
    const wanted = new Map([...plan, ...domains].map((one) => [belongingKey(one), one]));
    const gone = [...seen.values()].filter((one) => !wanted.has(belongingKey(one)));
    if (gone.length > 0) {
      ended.push(...gone);
      goneMs = nowMs;
    }
    seen = wanted;
    const isOver = nowMs - beganMs >= times.maxMs || (isQuiet && domains.length === 0);
    if (isOver) return { ended, left: [...wanted.values()], tookMs: goneMs - beganMs };
    if (plan.length > 0 || isQuiet) {
      clearMs = undefined;
      const untold = [...wanted].filter(([key]) => !told.has(key));
      for (const [key] of untold) told.add(key);
      if (untold.length > 0) tell(untold.map(([, one]) => one));
      await machine.apply(isQuiet ? domains : plan);
    } else clearMs ??= nowMs;
    await machine.sleep(times.everyMs);
  }
}
