import type { Database } from "bun:sqlite";

type Write = { apply: () => void; resolve: () => void; reject: (reason: unknown) => void };

/**
 * Many small writes, one transaction: everything that is asked for while a commit is due goes to the medium together,
 * which costs a cheap card one flush instead of many. Each caller's promise is kept only after the commit.
 */
export class GroupCommit {
  private waiting: Write[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param delayMs how long a write may wait for company */
  constructor(
    private readonly db: Database,
    private readonly delayMs = 4,
  ) {}

  write(apply: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ apply, resolve, reject });
      this.timer ??= setTimeout(() => this.flush(), this.delayMs);
    });
  }

  /** Commits what waits, now. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const batch = this.waiting;
    this.waiting = [];
    if (batch.length === 0) return;
    const failed = new Map<Write, unknown>();
    try {
      this.db.transaction(() => {
        for (const write of batch) {
          try {
            // A savepoint each: one bad write must not take the others with it.
            this.db.transaction(write.apply)();
          } catch (error) {
            failed.set(write, error);
          }
        }
      })();
    } catch (error) {
      for (const write of batch) write.reject(error);
      return;
    }
    for (const write of batch) {
      if (failed.has(write)) write.reject(failed.get(write));
      else write.resolve();
    }
  }
}
