/** Who is told of which lease, whether that is one that runs or one that waits. */
export class LeaseListeners<News> {
  private readonly all = new Map<string, Set<(news: News) => void>>();

  constructor(private readonly failed: (lease: string, error: unknown) => void) {}

  /** @returns a function that ends it */
  add(lease: string, told: (news: News) => void): () => void {
    const some = this.all.get(lease) ?? new Set();
    this.all.set(lease, some.add(told));
    return () => {
      some.delete(told);
      if (some.size === 0 && this.all.get(lease) === some) this.all.delete(lease);
    };
  }

  /** Who fails to listen keeps nobody else from it, and nothing from going on. */
  tell(lease: string, news: News): void {
    for (const told of this.all.get(lease) ?? [])
      try {
        told(news);
      } catch (error) {
        this.failed(lease, error);
      }
  }
}
