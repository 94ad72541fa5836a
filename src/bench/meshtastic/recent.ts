/** The last so many of something, the oldest of which is forgotten first. */
export class Recent<T> {
  private readonly items = new Set<T>();

  constructor(private readonly count: number) {}

  /** @returns whether it was there already */
  note(item: T): boolean {
    if (this.items.has(item)) return true;
    this.items.add(item);
    if (this.items.size > this.count) {
      const [oldest] = this.items;
      if (oldest !== undefined) this.items.delete(oldest);
    }
    return false;
  }
}
