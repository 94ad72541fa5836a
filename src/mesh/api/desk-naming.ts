import type { Membership } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import type { DeskNetwork, MeshDeskOptions } from "./desk-network.ts";
import { MeshError } from "./mesh-control.ts";

/** Which network and which member is meant by what people and programs write. */
export class DeskNaming {
  constructor(private readonly options: Pick<MeshDeskOptions, "memberships" | "network" | "troubleOf">) {}

  /** By id or name; "" or "-" where there is one alone. @throws {MeshError} */
  membership(name: string): Membership {
    const all = this.options.memberships.list();
    if (name === "" || name === "-") {
      const [only, ...others] = all;
      if (!only) throw new MeshError("this box belongs to no network", "unknown");
      if (others.length === 0) return only;
      throw new MeshError(`network: this box is in several: ${all.map((one) => one.name).join(", ")}`);
    }
    const matching = all.filter((one) => one.id === name || one.name === name);
    const [first, ...others] = matching;
    if (!first) throw new MeshError(`network: ${name} is none of this box's`, "unknown");
    if (others.length > 0) throw new MeshError(`network: several are called ${name}; use an id`);
    return first;
  }

  /** @throws {MeshError} where it does not run, saying why */
  running(membership: Membership): DeskNetwork {
    const network = this.options.network(membership.id);
    if (network) return network;
    throw new MeshError(this.options.troubleOf(membership.id) ?? `${membership.name} does not run`, "failed");
  }

  /** One that is known or connected, by name, by its id or the beginning of it. @throws {MeshError} */
  peerIn(network: DeskNetwork, text: string): PeerId {
    const found = network.directory.find(text)?.peer;
    if (found !== undefined) return found;
    if (network.connectedPeers().has(text)) return text;
    throw new MeshError(`peer: no member, or several, are called ${text}`, "unknown");
  }

  /** Also one that nobody has heard of for long, by its whole peer id; not this box itself. @throws {MeshError} */
  memberIn(network: DeskNetwork, text: string): PeerId {
    const id = isPeerId(text) ? text : this.peerIn(network, text);
    if (id === network.peer) throw new MeshError("peer: that is this box itself; leave the network instead");
    return id;
  }
}

function isPeerId(text: string): boolean {
  try {
    publicKeyOf(text);
    return true;
  } catch {
    return false;
  }
}
