import { piPinName } from "./pi-header.ts";
import type { Wiring } from "./wiring-data.ts";

/** A wiring as a table in Markdown. */
export function pinTable(wiring: Wiring): string {
  const rows = wiring.pins.map(({ name, pi, why }) =>
    pi === null ? `| ${name} | leave open | | ${why} |` : `| ${name} | ${pi} | ${piPinName(pi)} | ${why} |`,
  );
  return ["| module | pin of the Pi | its name | what for |", "|---|---|---|---|", ...rows].join("\n");
}
