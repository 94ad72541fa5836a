import { openExport, sealExport } from "../../src/identity/person/export-file.ts";
import { personKey } from "../../src/identity/person/person-key.ts";
import { type Account, changed, keepAccount } from "./account.ts";
import { bytesToHex, hexToBytes, random } from "./bytes.ts";
import { contacts, entries, makeStale } from "./contacts.ts";
import { forgetAll, keep, kept, keptNames, ShelfFullError } from "./shelf.ts";

/** What goes along: all but photos, which are too long, and what was left at boxes. */
const PARTS = /^(account|contact\.|session\.|log\.|seen$|due$)/;

/** The whole of this page as a file that the passphrase opens. @throws {ExportError} */
export function exported(me: Account, passphrase: string): Promise<Uint8Array> {
  const parts: Record<string, unknown> = {};
  for (const name of keptNames("")) if (PARTS.test(name)) parts[name] = kept(name);
  for (const { key } of contacts()) {
    parts[`log.${key}`] = entries(key).map((entry) =>
      entry.image === undefined ? entry : { ...entry, image: "" },
    );
  }
  const state = new TextEncoder().encode(JSON.stringify(parts));
  return sealExport({ secret: hexToBytes(me.secret), state }, passphrase, random);
}

/**
 * Puts what is in a file in the place of what is here. Sessions go on anew: the file may be older than what the others know.
 * @throws {ExportError}
 */
export async function imported(file: Uint8Array, passphrase: string): Promise<void> {
  const { secret, state } = await openExport(file, passphrase);
  // Whoever has the passphrase has made it: this page, for this page.
  const parts = JSON.parse(new TextDecoder().decode(state)) as Record<string, unknown> & { account: Account };
  forgetAll();
  for (const [name, value] of Object.entries(parts)) {
    try {
      if (PARTS.test(name)) keep(name, value);
    } catch (error) {
      // A conversation that finds no room is left out; the key and the sessions are small.
      if (!(error instanceof ShelfFullError) || !name.startsWith("log.")) throw error;
    }
  }
  keepAccount(changed({ ...parts.account, secret: bytesToHex(personKey(secret).secret) }));
  makeStale();
}
