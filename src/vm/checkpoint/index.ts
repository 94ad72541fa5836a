export {
  type CheckpointAsk,
  MAX_CHECKPOINT_ASK_BYTES,
  openCheckpointAsk,
  signCheckpointAsk,
} from "./checkpoint-ask.ts";
export { CheckpointError } from "./checkpoint-error.ts";
export {
  type CheckpointHead,
  checkpointBytes,
  decodeCheckpointHead,
  encodeCheckpointHead,
  MAX_HEAD_BYTES,
  readCheckpointHead,
} from "./checkpoint-head.ts";
export type { CheckpointHeader, MachineKind } from "./checkpoint-header.ts";
export { openCheckpoint, sealCheckpoint } from "./checkpoint-seal.ts";
export {
  CheckpointShelf,
  type ShelfLimits,
  type ShelvedCheckpoint,
  USUAL_SHELF,
} from "./checkpoint-shelf.ts";
export { Checkpoints, type CheckpointsOptions, type OfferAnswer, type RestoreClaim } from "./checkpoints.ts";
export { machineKind } from "./machine-kind.ts";
export { type RestoringGround, restoreMachine } from "./restore-machine.ts";
export { NotSavedError, type SavingGround, saveMachine } from "./save-machine.ts";
export {
  type AgreementKey,
  agreementKey,
  agreementKeyOf,
  agreementPublicKey,
  openSealedKey,
  SEALED_KEY_BYTES,
  sealKey,
} from "./sealed-key.ts";
