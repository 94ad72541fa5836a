import { writeSync } from "node:fs";
import { openDatabase } from "../../../src/store/index.ts";
import { addRow, tableOf, versions } from "./versions.ts";

/**
 * Opens a database as one of three versions, of which the last breaks, and adds rows to it until it is killed. On standard
 * output it says what is kept: `opened goes-on` (or what else was found), then each row.
 */
const [path = "", version = "1", from = "0"] = process.argv.slice(2);
const FLAGS = [true, true, false];

const { db, fromNewer, volatile } = openDatabase(path, versions(FLAGS).slice(0, Number(version)));
writeSync(1, `opened ${volatile ?? fromNewer?.kind ?? "own"}\n`);
const table = tableOf(FLAGS, Number(version));
for (let number = Number(from); ; number += 1) {
  addRow(db, table, `row ${number}`);
  writeSync(1, `row ${number}\n`);
}
