/** What is made when it is first asked for, and the same from then on: what is not needed for the open network does not hold it up. */
export function onFirstUse<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
