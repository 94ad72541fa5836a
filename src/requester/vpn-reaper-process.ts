import { REAPER_DONE, REAPER_READY } from "./vpn-reaper.ts";
import { readRecord, removeRecord } from "./vpn-record.ts";
import { undoVpn } from "./vpn-undo.ts";

/*
 * Started by VpnReaper: bun vpn-reaper-process.ts FOLDER ID
 * Lives as long as who holds the other end of its standard input; when that ends without a word, however it ended, this
 * process puts back what its record speaks of.
 */

const [folder = "", id = ""] = process.argv.slice(2);

// Ctrl-C at a terminal is for the requester, who takes leave of its hosts first.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

process.stdout.write(REAPER_READY);
let heard = "";
for await (const chunk of Bun.stdin.stream()) heard = (heard + Buffer.from(chunk).toString()).slice(-100);

if (heard !== REAPER_DONE) {
  const record = readRecord(`${folder}/vpn-${id}.json`);
  if (record) await undoVpn(record);
  removeRecord(folder, id);
}
process.exit(0);
