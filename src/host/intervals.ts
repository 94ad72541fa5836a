/**
 * Does something now and again, the next time `everyMs` after the last one ended, never twice at once.
 * @param failed told of what was thrown; the rounds go on
 * @returns a function that ends it
 */
export function atIntervals(
  everyMs: number,
  action: () => Promise<void> | void,
  failed: (error: unknown) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const round = async () => {
    try {
      await action();
    } catch (error) {
      failed(error);
    }
    if (!ended) timer = setTimeout(round, everyMs);
  };
  timer = setTimeout(round, everyMs);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
