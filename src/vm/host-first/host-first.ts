import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import {
  CALM,
  type Cause,
  decidePressure,
  type HostReading,
  type PressedLease,
  type PressureDecision,
  type PressurePolicy,
} from "./decide-pressure.ts";

export interface HostFirstOptions {
  /** One reading of the box, by {@link HostReadings}. */
  reading: (atMs: number) => HostReading;
  leases: () => readonly PressedLease[];
  suspend: (id: string, cause: Cause) => Promise<void>;
  resume: (id: string) => Promise<void>;
  displace: (id: string, cause: Cause) => Promise<void>;
  policy: PressurePolicy;
  timers: Timers;
  log: Logger;
  everyMs?: number;
}

const EVERY_MS = 1_000;

/** Looks at the box every second and lets leases give way when it needs itself. */
export class HostFirst {
  private state = CALM;
  private latest: PressureDecision | undefined;
  private told = "";
  private end: () => Promise<void> = async () => {};

  constructor(private readonly options: HostFirstOptions) {}

  start(): void {
    const { log, timers, everyMs = EVERY_MS } = this.options;
    this.end = atIntervals(
      everyMs,
      () => this.look(),
      (error) => log.error({ error }, "what the box needs could not be found out"),
      timers,
    );
  }

  /** What is suspended stays so: whoever ends the box ends its leases. */
  stop(): Promise<void> {
    return this.end();
  }

  /** What the box has too little of for its own work now. */
  get causes(): readonly Cause[] {
    return this.latest?.causes ?? [];
  }

  /** Why a new lease is refused now, by the last look; undefined when it is not. */
  refuses(asking: Pick<PressedLease, "origin" | "priority">): string | undefined {
    return this.latest?.refuses(asking);
  }

  /** One look, and what follows from it. */
  async look(): Promise<void> {
    const { reading, leases, policy, timers, log } = this.options;
    const decision = decidePressure(this.state, reading(timers.monotonicMs()), leases(), policy);
    this.state = decision.state;
    this.latest = decision;
    const causes = decision.causes.join(", ");
    if (causes !== this.told)
      log.info(causes ? `the box needs itself: ${causes}` : "the box has enough again");
    this.told = causes;
    for (const order of decision.orders) {
      log.info({ lease: order.id }, `lease ${order.id.slice(0, 10)}: ${order.order}`);
      if (order.order === "suspend") await this.options.suspend(order.id, order.cause);
      else if (order.order === "resume") await this.options.resume(order.id);
      else await this.options.displace(order.id, order.cause);
    }
  }
}
