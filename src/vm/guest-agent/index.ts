export {
  AGENT_PROTOCOL,
  GuestAgent,
  type GuestAgentOptions,
  type GuestHello,
  type PreparedGuest,
} from "./guest-agent.ts";
export { GuestAgentError } from "./guest-agent-error.ts";
export { type HostKey, hostKeyFrom } from "./host-key.ts";
export type { GuestPreparation } from "./preparation.ts";
