export { DatabaseError, type OpenedDatabase, openDatabase } from "./database.ts";
export { type Document, openDocument } from "./document.ts";
export { DurableFile } from "./durable-file.ts";
export { GroupCommit } from "./group-commit.ts";
export { Journal, type JournalEntry } from "./journal.ts";
export { KeptDatabase } from "./kept-database.ts";
export { lastGoodConfigIn, loadKeptConfig } from "./last-good-config.ts";
