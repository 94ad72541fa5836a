/** How much is taken from one source, and from all. */
export interface SourceLimits {
  /** At once, and then each second. */
  burst: number;
  perSecond: number;
  /** Of all sources together. */
  totalPerSecond: number;
  /** Sources remembered; those beyond share one account. */
  maxSources: number;
}

interface Account {
  tokens: number;
  atMs: number;
}

const FORGET_EVERY_MS = 1_000;

/** A token bucket for each source and one for all: what a flood costs is bounded, in time and in memory. */
export class SourceLimiter {
  private readonly accounts = new Map<string, Account>();
  private readonly total: Account;
  private forgotMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly limits: SourceLimits,
    nowMs: number,
  ) {
    this.total = { tokens: limits.totalPerSecond, atMs: nowMs };
  }

  /** Whether one more from `source` is taken now. What is not taken costs neither it nor the others anything. */
  takes(source: string, nowMs: number): boolean {
    const { burst, perSecond, totalPerSecond } = this.limits;
    const account = this.accountOf(source, nowMs);
    const isLeft =
      refill(account, burst, perSecond, nowMs) && refill(this.total, totalPerSecond, totalPerSecond, nowMs);
    if (!isLeft) return false;
    account.tokens -= 1;
    this.total.tokens -= 1;
    return true;
  }

  /** How many more from `source` would be taken now, were there no others. Counts nothing. */
  left(source: string, nowMs: number): number {
    const { burst, perSecond, maxSources } = this.limits;
    const shared = this.accounts.size < maxSources ? undefined : this.accounts.get("");
    const account = this.accounts.get(source) ?? shared;
    return account === undefined ? burst : tokensAt(account, burst, perSecond, nowMs);
  }

  private accountOf(source: string, nowMs: number): Account {
    const known = this.accounts.get(source);
    if (known) return known;
    if (this.accounts.size >= this.limits.maxSources) this.forgetFull(nowMs);
    const isFull = this.accounts.size >= this.limits.maxSources;
    const key = isFull ? "" : source;
    const account = this.accounts.get(key) ?? { tokens: this.limits.burst, atMs: nowMs };
    this.accounts.set(key, account);
    return account;
  }

  /** Who has a full account again is as good as unknown. */
  private forgetFull(nowMs: number): void {
    // Looking through them all for each of a flood would cost more than the flood does.
    if (nowMs - this.forgotMs < FORGET_EVERY_MS) return;
    this.forgotMs = nowMs;
    const fullAfterMs = (this.limits.burst / this.limits.perSecond) * 1_000;
    for (const [source, { atMs }] of this.accounts) {
      if (nowMs - atMs >= fullAfterMs) this.accounts.delete(source);
    }
  }
}

function tokensAt({ tokens, atMs }: Account, burst: number, perSecond: number, nowMs: number): number {
  return Math.min(burst, tokens + ((nowMs - atMs) / 1_000) * perSecond);
}

/** @returns whether there is one to spend */
function refill(account: Account, burst: number, perSecond: number, nowMs: number): boolean {
  account.tokens = tokensAt(account, burst, perSecond, nowMs);
  account.atMs = nowMs;
  return account.tokens >= 1;
}
