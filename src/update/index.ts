export { ARRIVALS, type Arrival } from "./bundle/bundle-shelf.ts";
export { composeUpdate } from "./compose-update.ts";
export type { Vitals } from "./health.ts";
export { imageFacts, type Machine } from "./machine.ts";
export { UpdatePart, type UpdatePartOptions } from "./update-part.ts";
export { outcomeText, type UpdateView, updateNotes, updateText } from "./update-view.ts";
