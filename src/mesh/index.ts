export { MESH_SOCKET } from "./api/mesh-api.ts";
export type {
  InviteRequest,
  MeshControl,
  NetworkStatus,
  PeerStatus,
  TraceStep,
  TunnelRequest,
  TunnelView,
} from "./api/mesh-control.ts";
export type { Capability, OfferedService } from "./directory/peer-record.ts";
export { MeshPart, type MeshPartOptions, UPLINK_IDLE_S } from "./mesh-part.ts";
export { LoraLink } from "./network/lora-link.ts";
export type { PathStatus } from "./paths/paths-interface.ts";
export { clearLeftovers } from "./traffic/leftovers.ts";
export type { Link } from "./traffic/queue-plan.ts";
export { Traffic } from "./traffic/traffic.ts";
export { uplinkLook } from "./traffic/uplink-finder.ts";
export { Uplinks } from "./traffic/uplinks.ts";
