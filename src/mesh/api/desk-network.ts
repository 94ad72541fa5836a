import type { Membership, Memberships } from "../../identity/index.ts";
import type { Engine } from "../engine/engine-interface.ts";
import type { Network } from "../network/network.ts";
import type { NetworkTunnels } from "../network/network-tunnels.ts";

/** What the desk needs of a network that runs. */
export interface DeskNetwork
  extends Pick<
    Network,
    | "membership"
    | "peer"
    | "ports"
    | "directory"
    | "nat"
    | "paths"
    | "bootstrapPeers"
    | "connectedPeers"
    | "tellStatement"
    | "send"
    | "connect"
    | "reachNow"
    | "handle"
    | "unhandle"
  > {
  readonly engine: Pick<Engine, "connections" | "open" | "publish" | "subscribe">;
  readonly tunnels: Pick<NetworkTunnels, "open" | "lead" | "welcome" | "close" | "status"> | undefined;
}

export interface MeshDeskOptions {
  memberships: Memberships;
  boxName: string;
  network: (id: string) => DeskNetwork | undefined;
  troubleOf: (id: string) => string | undefined;
  begin: (membership: Membership) => Promise<void>;
  end: (id: string) => Promise<void>;
  /** Something for the journal. */
  told: (kind: string, subject: string, detail?: Record<string, unknown>) => void;
  monotonicMs: () => number;
}
