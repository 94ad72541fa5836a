import { KeptDatabase } from "../../store/index.ts";

/** A statement as it lies on the medium. */
export interface StoredStatement {
  signed: Uint8Array;
  ageS: number;
}

type Row = { signed: Uint8Array; age_s: number };

const MIGRATIONS = [
  `CREATE TABLE statement (
    network TEXT NOT NULL,
    station TEXT NOT NULL,
    signed BLOB NOT NULL,
    age_s INTEGER NOT NULL CHECK (age_s >= 0),
    PRIMARY KEY (network, station)
  ) STRICT, WITHOUT ROWID`,
];

/** What boxes have said of stations, on the medium: with ages, not dates, since a Pi has no battery clock. */
export class StatementStore {
  private readonly database: KeptDatabase;

  constructor(path: string) {
    this.database = new KeptDatabase("roaming store", path, MIGRATIONS);
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

  remove(network: string, stations: readonly string[]): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => {
      const remove = db.query("DELETE FROM statement WHERE network = ?1 AND station = ?2");
      for (const station of stations) remove.run(network, station);
    });
  }
}
