/** What was put in first goes. */
export function forgetOldest<K>(of: Map<K, unknown> | Set<K>): void {
  for (const oldest of of.keys()) return void of.delete(oldest);
}

/** As the newest, of so many at most. */
export function remember<T>(all: Set<T>, one: T, most: number): void {
  all.delete(one);
  all.add(one);
  while (all.size > most) forgetOldest(all);
}
