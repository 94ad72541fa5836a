/**
 * Takes the bundles of a folder into a store on the medium, as a process of its own that a test may kill at any moment.
 * Arguments: the folder, the store's folder. Says `importing` when it begins and `done` when all is on the medium.
 */
import { importFolder } from "../../../../src/messages/sync/folder-import.ts";
import { openStand } from "../custody/store-stand.ts";

const [stick = "", folder = ""] = process.argv.slice(2);
const { store } = openStand({ folder });
process.stdout.write("importing\n");
await importFolder({ custody: store, folder: stick, label: "stick", nowS: () => 0 });
store.close();
process.stdout.write("done\n");
process.exit(0);
