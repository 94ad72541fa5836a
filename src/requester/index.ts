export { HostGround } from "./host-ground.ts";
export { LeaseClient, type LeaseClientOptions, type LeaseStep, type LeaseVpn } from "./lease-client.ts";
export type { Course, CourseOutcome, CoursePhase } from "./lease-course.ts";
export { LEASE_PORT, LeaseHttp, LeaseHttpError } from "./lease-http.ts";
export type {
  CommandAnswer,
  LeaseAnswer,
  LeaseTransport,
  ProviderNews,
  ProviderTunnel,
} from "./lease-transport.ts";
export { MissingProgramError, needPrograms } from "./needed-programs.ts";
export { type MemberWaysOptions, memberWays } from "./provider-member-ways.ts";
export { type ChosenProvider, ProviderError, type ProviderWays, providerWays } from "./provider-ways.ts";
export { type LeaseWish, newLeaseId, Requester, type RequesterOptions } from "./requester.ts";
export { type RequesterNetwork, RequesterNetworks } from "./requester-networks.ts";
export { type KeptLease, RequesterState } from "./requester-state.ts";
export { UserGround, UserGroundError } from "./user-ground.ts";
export { VpnDnsError } from "./vpn-dns.ts";
export type { VpnGround } from "./vpn-ground.ts";
export { type LedEnd, type VpnPeer, VpnPeerError } from "./vpn-peer.ts";
export { VpnPlanError } from "./vpn-plan.ts";
export { type VpnEnds, type VpnOptions, VpnServer } from "./vpn-server.ts";
export { sweepVpns } from "./vpn-undo.ts";
