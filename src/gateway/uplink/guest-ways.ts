import type { UplinksConfig } from "../../config/index.ts";
import type { UplinkEntry } from "./uplink-entry.ts";
import { isWorking } from "./uplink-health.ts";

/** What the guest network asks of the ways to the internet. */
export interface GuestWays {
  /** The interfaces that guests may leave by, whichever is in use. */
  interfaces: readonly string[];
  /** One that is in use is known to work, as far as it is looked at. */
  works: boolean;
  /** The most for one guest, in kbit/s, where what is in use is metered; undefined: no such limit. */
  rateKbit: number | undefined;
}

/** What guests may use of the ways to the internet. Pure. */
export function guestWays(
  all: readonly Pick<UplinkEntry, "known" | "health">[],
  inUse: readonly string[],
  config: Pick<UplinksConfig, "check" | "metered_guests" | "metered_guest_kbit">,
): GuestWays {
  const open = all.filter(({ known }) => !known.metered || config.metered_guests !== "refuse");
  const used = open.filter(({ known }) => inUse.includes(known.interface));
  const isLimited = config.metered_guests === "limit" && used.some(({ known }) => known.metered);
  return {
    interfaces: open.map(({ known }) => known.interface),
    // Unchecked, what the kernel has of routes is all that is known, and it is asked by whoever wants to know.
    works: !config.check || used.some(({ health }) => isWorking(health) && health.state !== "no-names"),
    rateKbit: isLimited ? config.metered_guest_kbit : undefined,
  };
}
