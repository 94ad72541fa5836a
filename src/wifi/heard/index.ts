export { lastHeard } from "./hear-networks.ts";
export type { HeardNetwork } from "./heard-network.ts";
export { parseIwScan } from "./iw-scan.ts";
export { fromNodeWifi, heardByNetworkManager } from "./network-manager-scan.ts";
