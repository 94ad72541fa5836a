const MOST_REMEMBERED = 1_024;

/**
 * The same pure function, which remembers what it gave for the texts that it was asked lately: for the few addresses and keys
 * that are looked at over and over, some thousand times while a network forms. Begun anew when it is full, so that whoever
 * names many costs no more than working each out, and bounded memory. What it gives is shared: nobody may change it.
 */
export function remembering<T>(work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found as T;
    if (known.size >= MOST_REMEMBERED) known.clear();
    const worked = work(text);
    known.set(text, worked);
    return worked;
  };
}
