import type { AirOutlook } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import type { Carried } from "./stock.ts";

/** When a bundle will have gone, behind all that go before it, in ms from now, as things stand. */
export function etaMs(carried: Carried, waiting: Iterable<Carried>, outlook: AirOutlook): number {
  const rank = rankOf(carried.priority);
  let airMs = 0;
  for (const { priority, sinceMs, airBytes } of waiting) {
    const isAhead = rankOf(priority) < rank || (priority === carried.priority && sinceMs <= carried.sinceMs);
    if (isAhead) airMs += outlook.airtimeMs(Math.min(airBytes, outlook.frameBytes));
  }
  return outlook.etaMs(airMs, carried.priority);
}
