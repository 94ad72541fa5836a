/** Told what a build is at. */
export interface Progress {
  /** A new step begins, and the one before has ended. */
  step(name: string): void;
  /** A line of what a program says about itself. */
  said(line: string): void;
}

export interface TimedStep {
  name: string;
  seconds: number;
}

/** Writes steps with their time, and now and again how long the present one has taken. */
export class ShownProgress implements Progress {
  private readonly done: TimedStep[] = [];
  private current: { name: string; sinceMs: number } | undefined;
  private last = "";
  private ticker: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly write: (line: string) => void,
    private readonly nowMs: () => number,
    private readonly tickMs = 20_000,
  ) {}

  step(name: string): void {
    this.end();
    this.current = { name, sinceMs: this.nowMs() };
    this.last = "";
    this.write(name);
    this.ticker = setInterval(() => this.write(`  … ${this.secondsSince()} s ${this.last}`), this.tickMs);
  }

  said(line: string): void {
    this.last = line.slice(0, 100);
  }

  /** @returns all steps, once the last one is done */
  end(): TimedStep[] {
    clearInterval(this.ticker);
    if (this.current) this.done.push({ name: this.current.name, seconds: this.secondsSince() });
    this.current = undefined;
    return this.done;
  }

  private secondsSince(): number {
    return this.current ? Math.round((this.nowMs() - this.current.sinceMs) / 1000) : 0;
  }
}
