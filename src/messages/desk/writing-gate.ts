import { SourceLimiter } from "../../host/source-limiter.ts";
import { slowDown } from "./guest-forms.ts";
import type { NotSent } from "./guest-messages.ts";
import type { Asked, WorkChallenges } from "./work-challenges.ts";
import { leastTriesAt, triesAt } from "./work-difficulty.ts";
import type { WritingLimits } from "./writing-limits.ts";

/** What one device gets through by work beyond what it may write anyway. Codes cannot be tried by it. */
const BY_WORK = {
  sos: { burst: 4, everyS: 60 },
  "check-in": { burst: 4, everyS: 60 },
  post: { burst: 6, everyS: 20 },
  report: { burst: 4, everyS: 60 },
  bundle: { burst: 30, everyS: 4 },
} as const;

/**
 * What all devices together get through by work: addresses are free to make up. Calls for help have as much to themselves, and so have
 * check-ins: forty made-up addresses and a laptop get through as many bundles as all may.
 */
const ALL_BY_WORK = { burst: 300, perSecond: 10 };
/** What one person may write, whatever devices they use, and by work beyond that. */
const PERSON = { burst: 100, perSecond: 1 / 2 };
const PERSON_BY_WORK = { burst: 30, perSecond: 1 / 4 };
const MAX_SOURCES = 4_096;
/** The limits of all are kept apart. */
const UNLIMITED = { totalPerSecond: 1_000, maxSources: MAX_SOURCES };
/** What shares a limit of all. */
const SHARED = {
  sos: "calls",
  "check-in": "check-ins",
  post: "others",
  report: "others",
  bundle: "others",
} as const satisfies Record<Workable, string>;

export type Workable = keyof typeof BY_WORK;

export interface Brought {
  /** The solution of a challenge; undefined where none came along. */
  work: string | undefined;
  /** Whose key has, by its own word, signed it: as hex. */
  person?: string;
}

/**
 * Lets through what is within the usual limits. Beyond them, and while so many write that the box as a whole is at its limit, it asks for
 * proof of work, and lets through what brings it, up to limits that are harder. A call for help needs none until it would not be taken at
 * all: then it has this way too, or a flood of calls from made-up addresses would keep out those of everybody new.
 */
export class WritingGate {
  private readonly byWork: Readonly<Record<Workable, SourceLimiter>>;
  /** By the names of {@link SHARED}. */
  private readonly allByWork: SourceLimiter;
  private readonly people: SourceLimiter;
  private readonly peopleByWork: SourceLimiter;

  constructor(
    private readonly limits: WritingLimits,
    private readonly challenges: WorkChallenges,
    private readonly nowMs: () => number,
  ) {
    const limiter = (limit: { burst: number; perSecond: number }) =>
      new SourceLimiter({ ...limit, ...UNLIMITED }, nowMs());
    const byWork = (what: Workable) =>
      limiter({ burst: BY_WORK[what].burst, perSecond: 1 / BY_WORK[what].everyS });
    this.byWork = {
      sos: byWork("sos"),
      "check-in": byWork("check-in"),
      post: byWork("post"),
      report: byWork("report"),
      bundle: byWork("bundle"),
    };
    this.allByWork = limiter(ALL_BY_WORK);
    this.people = limiter(PERSON);
    this.peopleByWork = limiter(PERSON_BY_WORK);
  }

  /** Counts what is asked for. @returns why it is not let through, or undefined */
  refusal(asked: Asked & { what: Workable }, { work, person }: Brought): NotSent | undefined {
    const { what, station } = asked;
    const nowMs = this.nowMs();
    const isUsual = person === undefined || this.people.left(person, nowMs) >= 1;
    if (isUsual && this.limits.takes(what, station)) return undefined;
    const left = this.byWork[what].left(station, nowMs);
    const leftOfAll = this.allByWork.left(SHARED[what], nowMs);
    const isOver = left < 1 || leftOfAll < 1 || this.isOverByWork(person, nowMs);
    if (isOver) return slowDown();
    const load = { one: 1 - left / BY_WORK[what].burst, all: 1 - leftOfAll / ALL_BY_WORK.burst };
    // Of challenges that were gathered while all was quiet few let something through: the price has risen by then.
    if (work !== undefined && this.challenges.problemOf(asked, work, leastTriesAt(load)) === undefined) {
      const isThrough =
        this.challenges.spend(work) &&
        this.byWork[what].takes(station, nowMs) &&
        this.allByWork.takes(SHARED[what], nowMs);
      return isThrough ? undefined : slowDown();
    }
    return slowDown(this.challenges.give(asked, triesAt(load)));
  }

  /** Something was taken that this person has signed. */
  written(person: string): void {
    const nowMs = this.nowMs();
    if (!this.people.takes(person, nowMs)) this.peopleByWork.takes(person, nowMs);
  }

  private isOverByWork(person: string | undefined, nowMs: number): boolean {
    if (person === undefined || this.people.left(person, nowMs) >= 1) return false;
    return this.peopleByWork.left(person, nowMs) < 1;
  }
}
