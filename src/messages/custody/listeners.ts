/** Who hears of something. One that fails keeps the others from nothing. */
export class Listeners<T> {
  private readonly listeners = new Set<(what: T) => void>();

  constructor(private readonly failed: (error: unknown) => void) {}

  get isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** @returns ends it */
  add(listener: (what: T) => void): () => void {
    // Each call is one to end, though the function be the same.
    const own = (what: T) => listener(what);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  tell(what: T): void {
    for (const listener of this.listeners) {
      try {
        listener(what);
      } catch (error) {
        this.failed(error);
      }
    }
  }
}
