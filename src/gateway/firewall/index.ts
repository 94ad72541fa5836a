export { admitCommands, expelCommands } from "./admission.ts";
export { PORTAL_MARK } from "./lead.ts";
export type { Admitted, RulesetPlan } from "./plan.ts";
export { nftRuleset } from "./ruleset.ts";
export { NFT_TABLE } from "./table.ts";
