/**
 * Exports the bundles of one folder into another, as a process of its own that a test may kill at any moment. Arguments: the
 * folder that has them, the one that gets them. Says `exporting` when it begins and `done` when all is on the medium.
 */
import { bundleId, decodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { messagesFolder, readBatch } from "../../../../src/messages/sync/bundle-folder.ts";
import { exportFolder } from "../../../../src/messages/sync/folder-export.ts";
import { HeldInMemory } from "./held-in-memory.ts";

const [source = "", folder = ""] = process.argv.slice(2);
const custody = new HeldInMemory();
const batch = await readBatch(messagesFolder(source), "messages-00001.omb");
for (const { encoded } of batch?.records ?? []) {
  const bundle = decodeBundle(encoded);
  const id = bundleId(bundle);
  custody.held.set(id, { id, bundle, encoded, ageMs: 0, source: { by: "self" }, order: 0 });
}
process.stdout.write("exporting\n");
await exportFolder({ custody, folder, nowS: () => 0 });
process.stdout.write("done\n");
