/**
 * Takes the bundles of one folder and exports them into another, as a process of its own that a test may kill at any
 * moment. Arguments: the folder that has them, the one that gets them. Says `exporting` when it begins with that and `done`
 * when all is on the medium.
 */
import { exportFolder } from "../../../../src/messages/sync/folder-export.ts";
import { importFolder } from "../../../../src/messages/sync/folder-import.ts";
import { newStore } from "./numbered-bundles.ts";

const [source = "", folder = ""] = process.argv.slice(2);
const [custody, nowS] = [newStore(), () => 0];
await importFolder({ custody, folder: source, label: "source", nowS });
process.stdout.write("exporting\n");
await exportFolder({ custody, folder, nowS });
process.stdout.write("done\n");
process.exit(0);
