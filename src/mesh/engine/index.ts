export { Libp2pEngine } from "./engine.ts";
export { EngineError } from "./engine-error.ts";
export type {
  Engine,
  EngineConnection,
  EngineEvents,
  FrameStream,
  PeerId,
} from "./engine-interface.ts";
export {
  DEFAULT_LIMITS,
  type EngineLimits,
  type Libp2pEngineOptions,
  type ListenOptions,
  type RelayOptions,
} from "./engine-options.ts";
export { PeerIdError, peerIdOf, publicKeyOf } from "./peer-id.ts";
