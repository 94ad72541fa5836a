export { LendingPart, type LendingPartOptions } from "./lending-part.ts";
