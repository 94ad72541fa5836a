import type { Bench } from "./bench.ts";
import { LORA_NOTES, loraRows } from "./messages-lora.ts";
import { storeRows } from "./messages-store.ts";
import { SYNC_NOTES, syncRows } from "./messages-sync.ts";
import type { BenchRow } from "./report.ts";

/** Whether messages arrive, how late, and what that takes. */
export const messages: Bench = {
  name: "messages",
  summary:
    "messages: over LoRa alone against flooding, sync against sending all ids, a store of 100,000 bundles",
  needsLab: false,
  notes: [...LORA_NOTES, ...SYNC_NOTES],
  parts: ["store", "sync", "lora"],
  async run({ quick, wants, progress }) {
    const rows: Record<string, () => Promise<BenchRow[]> | BenchRow[]> = {
      store: () => storeRows(quick),
      sync: () => syncRows(quick),
      lora: () => loraRows(quick, progress),
    };
    const all: BenchRow[] = [];
    for (const [part, measure] of Object.entries(rows)) {
      if (!wants(part)) continue;
      progress(part);
      all.push(...(await measure()));
    }
    return all;
  },
};
