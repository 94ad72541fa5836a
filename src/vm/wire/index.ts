export { ASK_HEADER, type AskedCheckpoints, MAX_BROUGHT_BYTES, TOKEN_HEADER } from "./checkpoint-routes.ts";
export { type LeaseAppOptions, leaseApp } from "./lease-app.ts";
export {
  type AskedLender,
  type AskWay,
  type DeskAnswer,
  type DeskMembership,
  LeaseDesk,
  type LeaseDeskOptions,
} from "./lease-desk.ts";
export { LEASE_PROTOCOL, LeaseMesh, type LeaseMeshOptions, type LeaseNetwork } from "./lease-mesh.ts";
export { LeasePaths, type LeasePathsOptions, type LeaseTunnels, type PathNetwork } from "./lease-paths.ts";
export { LeaseServer, type LeaseServerOptions } from "./lease-server.ts";
