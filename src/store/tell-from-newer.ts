import { basename } from "node:path";
import type { FromNewer, OpenedDatabase } from "./database.ts";

export interface FromNewerTold {
  /** The part that has the database. */
  part: string;
  /** What is in it, in words: "the messages". */
  what: string;
  journal:
    | { append(part: string, kind: string, subject: string, detail: Record<string, unknown>): Promise<void> }
    | undefined;
  log: { error(message: string): void; warn(message: string): void };
}

/** Has it in the log and in the journal what a newer version, which has been given up, left in a database. */
export function tellFromNewer(
  { fromNewer }: Pick<OpenedDatabase, "fromNewer">,
  { part, what, journal, log }: FromNewerTold,
): void {
  if (fromNewer === undefined) return;
  const words = fromNewerText(fromNewer, what);
  if (fromNewer.kind === "goes-on") log.warn(words);
  else log.error(words);
  const { kind, ...detail } = fromNewer;
  void journal
    ?.append(part, `database-${kind}`, words, detail)
    .catch(() => log.error(`not in the journal: ${words}`));
}

export function fromNewerText(fromNewer: FromNewer, what: string): string {
  switch (fromNewer.kind) {
    case "goes-on":
      return `${what}: a newer version was here and has added to them (${fromNewer.version} steps, ${fromNewer.known} known here); this version goes on with them and leaves that alone`;
    case "copy-taken-back":
      return `${what}: a newer version has changed them so that this one cannot read them; they are again as they were before that, and what came since is ${placeOf(fromNewer.setAside)}`;
    case "begun-anew":
      return `${what}: a newer version has changed them so that this one cannot read them, and no copy from before is left; all of them are ${placeOf(fromNewer.setAside)}, and none are known here any more`;
  }
}

const placeOf = (setAside: string | undefined): string =>
  setAside === undefined ? "lost" : `in the file ${basename(setAside)}, beside them`;
