export { MESH_SOCKET } from "./api/mesh-api.ts";
export type {
  InviteRequest,
  InviteView,
  MeshControl,
  NetworkStatus,
  PeerStatus,
  RevokedInvite,
  TraceStep,
  TunnelRequest,
  TunnelView,
} from "./api/mesh-control.ts";
export { composeMesh } from "./compose-mesh.ts";
export type { Capability, OfferedService } from "./directory/peer-record.ts";
export { peerIdOf, publicKeyOf } from "./engine/peer-id.ts";
export { MeshPart, type MeshPartOptions } from "./mesh-part.ts";
export { LoraLink } from "./network/lora-link.ts";
export type { PathStatus } from "./paths/paths-interface.ts";
