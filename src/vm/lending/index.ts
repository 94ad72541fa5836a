export {
  Lender,
  type LenderAnswer,
  type LenderCommandAnswer,
  type LenderNews,
  type LenderOptions,
  type LenderTunnel,
} from "./lender.ts";
export { LentMachine, type MachineGround } from "./lent-machine.ts";
