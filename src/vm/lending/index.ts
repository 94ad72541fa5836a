export {
  Lender,
  type LenderCommandAnswer,
  type LenderNews,
  type LenderOptions,
} from "./lender.ts";
export { LentMachine, type MachineGround } from "./lent-machine.ts";
export type { LenderStore, LenderTunnel, Lent } from "./running-leases.ts";
export type { LenderAnswer } from "./turns.ts";
export { type Applicant, LONGEST_WAIT_MS, type Place } from "./waiting-book.ts";
