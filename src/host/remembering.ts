/** Half of it is more than a directory of members holds (2,000), so that going through all of them finds each again. */
const DEFAULT_MOST = 4_096;

/**
 * What was used lately, by text, and bounded: when the young half is full it becomes the old one, and what was not asked for
 * in the meantime goes.
 */
export class Lately<T> {
  private young = new Map<string, T>();
  private old = new Map<string, T>();

  /** @param most how many are kept; half as many at least, once there have been so many */
  constructor(private readonly most = DEFAULT_MOST) {}

  has(key: string): boolean {
    return this.young.has(key) || this.old.has(key);
  }

  get(key: string): T | undefined {
    if (this.young.has(key)) return this.young.get(key);
    if (!this.old.has(key)) return undefined;
    const value = this.old.get(key) as T;
    this.set(key, value);
    return value;
  }

  set(key: string, value: T): void {
    if (this.young.size >= this.most / 2) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }
}

/**
 * The same pure function, which remembers what it gave for the texts that it was asked lately: for the addresses and keys
 * that are looked at over and over, some thousand times while a network forms. Whoever names many costs no more than working
 * each out. What it gives is shared: nobody may change it.
 */
export function remembering<T>(work: (text: string) => T, most?: number): (text: string) => T {
  const known = new Lately<T>(most);
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found as T;
    const worked = work(text);
    known.set(text, worked);
    return worked;
  };
}
