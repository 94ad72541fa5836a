export { type AskedLender, leaseApp } from "./lease-app.ts";
export { LeaseServer, type LeaseServerOptions } from "./lease-server.ts";
