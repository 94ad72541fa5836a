import { bytesToHex, random } from "./bytes.ts";
import { changeEntries, type Entry, STATES, type State } from "./contacts.ts";

/** What was not sealed yet has a name of this page's own. */
export const newEntryId = (): string => `new-${bytesToHex(random(8))}`;

export const isAtLeast = (state: State | undefined, least: State): boolean =>
  state !== undefined && STATES.indexOf(state) >= STATES.indexOf(least);

/** Notes how far one's own messages have come; none goes back. */
export function advance(key: string, of: readonly string[], state: State, etaSeconds?: number): void {
  changeEntries(key, (entry) => {
    const isBehind = entry.state !== state && isAtLeast(entry.state, state);
    if (!entry.isMine || !of.includes(entry.id) || isBehind) return entry;
    const { etaSeconds: _, ...rest } = entry;
    return { ...rest, state, ...(etaSeconds === undefined ? {} : { etaSeconds }) };
  });
}

/** What the other has not said to have is to be sealed once more, for what it was sealed by is lost to them. */
export function sendAgain(key: string, sinceS: number): void {
  changeEntries(key, (entry): Entry => {
    if (!entry.isMine || entry.atS < sinceS || isAtLeast(entry.state, "delivered")) return entry;
    const { bundle, ...rest } = entry;
    return { ...rest, id: newEntryId(), state: "unsent" };
  });
}
