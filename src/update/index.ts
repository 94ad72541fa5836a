export { ARRIVALS, type Arrival } from "./bundle/bundle-shelf.ts";
export type { Vitals } from "./health.ts";
export { imageFacts, type Machine, openMachine } from "./machine.ts";
export { UpdatePart, type UpdatePartOptions } from "./update-part.ts";
export { outcomeText, type UpdateView, updateText } from "./update-view.ts";
