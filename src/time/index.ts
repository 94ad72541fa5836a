export { builtAt } from "./built-at.ts";
export { networkReading } from "./network-time.ts";
export { SureClock } from "./sure-clock.ts";
export { TimePart, type TimePartOptions } from "./time-part.ts";
export { type TimeView, timeText } from "./time-view.ts";
