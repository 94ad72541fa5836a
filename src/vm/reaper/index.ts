export { type Belonging, belongingText, tagOfDomain } from "./belongings.ts";
export { type Grounds, SYSTEM_GROUNDS } from "./find-belongings.ts";
export { runReaper } from "./reaper.ts";
export { ReaperKeeper, type ReaperKeeperOptions } from "./reaper-keeper.ts";
export { orderOf, REAPER_COMMAND, type ReaperOrder, reaperArguments, reaperOrder } from "./reaper-order.ts";
