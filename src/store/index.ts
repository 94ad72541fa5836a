export { type FromNewer, type OpenedDatabase, openDatabase } from "./database.ts";
export { type Document, openDocument } from "./document.ts";
export { DurableFile } from "./durable-file.ts";
export { GroupCommit } from "./group-commit.ts";
export { JOURNAL_MIGRATIONS, Journal, type JournalEntry } from "./journal.ts";
export { KeptDatabase } from "./kept-database.ts";
export { lastGoodConfigIn, loadKeptConfig } from "./last-good-config.ts";
export { additive, breaking, type Migration } from "./migration.ts";
export { tellFromNewer } from "./tell-from-newer.ts";
