const KEPT_MS = 60 * 60_000;
const MAX_FORMS = 4_096;

interface Answered<T> {
  answer: Promise<T>;
  atMs: number;
}

/**
 * A form that is sent twice (a second tap, a page that was loaded again) is taken once and answered alike. What was refused may
 * be sent again.
 */
export class FormsOnce<T extends object> {
  private readonly known = new Map<string, Answered<T>>();

  constructor(private readonly nowMs: () => number) {}

  /** @param form what the form itself carries, or undefined for one that can't be told from others */
  take(station: string, form: string | undefined, act: () => Promise<T>): Promise<T> {
    if (form === undefined || form === "") return act();
    const key = `${station} ${form.slice(0, 64)}`;
    this.forget();
    const known = this.known.get(key);
    if (known) return known.answer;
    const answer = act();
    this.known.set(key, { answer, atMs: this.nowMs() });
    const unlessTaken = (taken: boolean) => {
      if (!taken) this.known.delete(key);
    };
    answer.then(
      (result) => unlessTaken(!("refused" in result)),
      () => unlessTaken(false),
    );
    return answer;
  }

  private forget(): void {
    for (const [key, { atMs }] of this.known) {
      if (this.known.size < MAX_FORMS && this.nowMs() - atMs < KEPT_MS) break;
      this.known.delete(key);
    }
  }
}
