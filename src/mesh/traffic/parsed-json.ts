/** What a program printed as JSON; undefined where it is none, as with programs that print nothing for nothing. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
