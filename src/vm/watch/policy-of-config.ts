import type { VmConfig } from "../../config/index.ts";
import type { PunishmentPolicy } from "./punish.ts";

const MINUTE_S = 60;
const TEN_MINUTES_S = 600;

/** What `[vm.punishment]` of the configuration means. */
export function punishmentOf(config: VmConfig["punishment"]): PunishmentPolicy {
  return {
    usually: config.usually,
    offences: { mac: config.spoofing, source: config.spoofing },
    escalation: [
      { packets: config.cut_from, withinS: MINUTE_S, to: "cut" },
      { packets: config.destroy_from, withinS: TEN_MINUTES_S, to: "destroy" },
    ],
  };
}
