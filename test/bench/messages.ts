import type { Bench } from "./bench.ts";
import { LORA_NOTES, loraRows } from "./messages-lora.ts";
import { storeRows } from "./messages-store.ts";
import { SYNC_NOTES, syncRows } from "./messages-sync.ts";

/** Whether messages arrive, how late, and what that takes. */
export const messages: Bench = {
  name: "messages",
  summary:
    "messages: over LoRa alone against flooding, sync against sending all ids, a store of 100,000 bundles",
  needsLab: false,
  notes: [...LORA_NOTES, ...SYNC_NOTES],
  async run({ quick, progress }) {
    progress("store");
    const store = await storeRows(quick);
    progress("sync");
    const sync = syncRows(quick);
    return [...(await loraRows(quick, progress)), ...sync, ...store];
  },
};
