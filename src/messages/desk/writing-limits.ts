import { SourceLimiter, type SourceLimits } from "../../host/source-limiter.ts";

const MINUTE_S = 60;
const MAX_SOURCES = 4_096;

/** What one device may write, so that a person in need never meets a limit and a flood does. */
const LIMITS = {
  sos: { burst: 5, everyS: 2 * MINUTE_S, totalPerSecond: 20 },
  "check-in": { burst: 8, everyS: MINUTE_S, totalPerSecond: 50 },
  post: { burst: 8, everyS: 20, totalPerSecond: 50 },
  report: { burst: 10, everyS: MINUTE_S, totalPerSecond: 20 },
  /** Bundles that a page has made, direct messages among them. */
  bundle: { burst: 60, everyS: 2, totalPerSecond: 100 },
  /** Codes that may be tried: nobody types more. */
  code: { burst: 10, everyS: 6, totalPerSecond: 20 },
  /** Becoming a person of the network. */
  person: { burst: 3, everyS: 10 * MINUTE_S, totalPerSecond: 5 },
} as const;

export type Written = keyof typeof LIMITS;

/** Counts what every device writes. */
export class WritingLimits {
  private readonly limiters: Readonly<Record<Written, SourceLimiter>>;

  constructor(private readonly nowMs: () => number) {
    const limiter = (what: Written) => new SourceLimiter(limitsOf(what), nowMs());
    this.limiters = {
      sos: limiter("sos"),
      "check-in": limiter("check-in"),
      post: limiter("post"),
      report: limiter("report"),
      bundle: limiter("bundle"),
      code: limiter("code"),
      person: limiter("person"),
    };
  }

  /** Whether the device may write one more now. */
  takes(what: Written, station: string): boolean {
    return this.limiters[what].takes(station, this.nowMs());
  }
}

function limitsOf(what: Written): SourceLimits {
  const { burst, everyS, totalPerSecond } = LIMITS[what];
  return { burst, perSecond: 1 / everyS, totalPerSecond, maxSources: MAX_SOURCES };
}
