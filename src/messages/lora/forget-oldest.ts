/** What was put in first goes. */
export function forgetOldest<K>(of: Map<K, unknown> | Set<K>): void {
  for (const oldest of of.keys()) return void of.delete(oldest);
}
