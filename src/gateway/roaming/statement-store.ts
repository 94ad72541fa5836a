import { additive, KeptDatabase, type Migration } from "../../store/index.ts";
import type { Ended } from "./ended-statements.ts";

/** A statement as it lies on the medium. */
export interface StoredStatement {
  signed: Uint8Array;
  ageS: number;
}

/** What has ended: what is to be remembered of it, and what no more. */
export interface EndedChanges {
  put: readonly Ended[];
  /** By their tags. */
  gone: readonly string[];
}

type Row = { signed: Uint8Array; age_s: number };

export const ROAMING_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE statement (
    network TEXT NOT NULL,
    station TEXT NOT NULL,
    signed BLOB NOT NULL,
    age_s INTEGER NOT NULL CHECK (age_s >= 0),
    PRIMARY KEY (network, station)
  ) STRICT, WITHOUT ROWID`),
  additive(`CREATE TABLE ended (
    network TEXT NOT NULL,
    tag TEXT NOT NULL,
    station TEXT NOT NULL,
    signer TEXT NOT NULL,
    serial INTEGER NOT NULL,
    lifetime_s INTEGER NOT NULL,
    age_s INTEGER NOT NULL CHECK (age_s >= 0),
    PRIMARY KEY (network, tag)
  ) STRICT, WITHOUT ROWID`),
];

const NOTHING_ENDED: EndedChanges = { put: [], gone: [] };

/** What boxes have said of stations, on the medium: with ages, not dates, since a Pi has no battery clock. */
export class StatementStore {
  private readonly database: KeptDatabase;

  constructor(path: string) {
    this.database = new KeptDatabase("roaming store", path, ROAMING_MIGRATIONS);
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    return this.database.open();
  }

  close(): void {
    this.database.close();
  }

  of(network: string): StoredStatement[] {
    return this.database.opened.db
      .query<Row, [string]>("SELECT signed, age_s FROM statement WHERE network = ?")
      .all(network)
      .map(({ signed, age_s }) => ({ signed, ageS: age_s }));
  }

  /** Kept when all of them are on the medium. @param station in hex */
  save(network: string, statements: readonly (StoredStatement & { station: string })[]): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => {
      const put = db.query(
        "INSERT INTO statement (network, station, signed, age_s) VALUES (?1, ?2, ?3, ?4) " +
          "ON CONFLICT (network, station) DO UPDATE SET signed = ?3, age_s = ?4",
      );
      for (const { station, signed, ageS } of statements) put.run(network, station, signed, ageS);
    });
  }

  endedIn(network: string): Ended[] {
    return this.database.opened.db
      .query<Ended, [string]>(
        "SELECT tag, station, signer, serial, lifetime_s AS lifetimeS, age_s AS ageS FROM ended WHERE network = ? ORDER BY age_s DESC",
      )
      .all(network);
  }

  /** Forgets what was said of these stations, and remembers by the same transaction what of it has ended. */
  remove(network: string, stations: readonly string[], ended: EndedChanges = NOTHING_ENDED): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => {
      const put = db.query(
        "INSERT INTO ended (network, tag, station, signer, serial, lifetime_s, age_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) " +
          "ON CONFLICT (network, tag) DO UPDATE SET age_s = ?7",
      );
      for (const { tag, station, signer, serial, lifetimeS, ageS } of ended.put)
        put.run(network, tag, station, signer, serial, lifetimeS, ageS);
      const forget = db.query("DELETE FROM ended WHERE network = ?1 AND tag = ?2");
      for (const tag of ended.gone) forget.run(network, tag);
      const remove = db.query("DELETE FROM statement WHERE network = ?1 AND station = ?2");
      for (const station of stations) remove.run(network, station);
    });
  }
}
