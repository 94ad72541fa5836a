import type { MeshConfig } from "../../config/index.ts";
import type { SelfDescription } from "../directory/own-record.ts";
import type { Capability, OfferedService } from "../directory/peer-record.ts";
import { MAX_ADDRESSES, MAX_RELAYS } from "../directory/peer-record.ts";
import { addressesForMembers, multiaddrsOf } from "../discovery/address-policy.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import { type Endpoint, endpointText, parseEndpoint } from "../paths/endpoint.ts";
import type { ObservedNat } from "./observed-nat.ts";
import { MOST_ENDPOINTS, type WaysMessage } from "./ways-message.ts";

export interface SelfPortraitOptions {
  config: Pick<MeshConfig, "announce" | "relay">;
  name: string;
  interfaces: () => readonly LocalInterface[];
  ports: () => { tcp: number; ws: number; udp: number };
  nat: ObservedNat;
  /** Where this box holds a place to be reached by. */
  relays: () => readonly PeerId[];
  /** Members with which datagrams pass. */
  sessions: () => readonly PeerId[];
  lora: { address: number; isUsable(): boolean } | undefined;
  services: () => readonly OfferedService[];
  capability: () => Capability | undefined;
  load: () => number;
}

/** Fewer addresses in an invite keep its QR code readable. */
const INVITE_ADDRESSES = 3;

/** What this box says of itself: in its record to everybody, in messages to its peers, in invites. */
export class SelfPortrait {
  constructor(private readonly options: SelfPortraitOptions) {}

  /** Multiaddrs that members may dial: never loopback, link-local, or of another network's ports. */
  addresses(): string[] {
    const ports = this.options.ports();
    const announced = this.announced().map(
      ({ address, port }) => `/ip${address.includes(":") ? 6 : 4}/${address}/tcp/${port}`,
    );
    // WebSockets are for browsers and for networks that let nothing else pass: one such address is enough.
    const own = multiaddrsOf(this.ownAddresses(), { tcp: ports.tcp, ws: 0 });
    const webSockets = multiaddrsOf(this.ownAddresses().slice(0, 1), { tcp: 0, ws: ports.ws });
    return [...new Set([...announced, ...own, ...webSockets])].slice(0, MAX_ADDRESSES);
  }

  /** Beside names that this box is known by. */
  inviteAddresses(): string[] {
    const named = this.options.config.announce.flatMap((text) => {
      if (parseEndpoint(text)) return [];
      const colon = text.lastIndexOf(":");
      return [`/dns/${text.slice(0, colon)}/tcp/${text.slice(colon + 1)}`];
    });
    const plain = this.addresses().filter((address) => !address.endsWith("/ws"));
    return [...named, ...plain].slice(0, INVITE_ADDRESSES);
  }

  endpoints(): Endpoint[] {
    const { ports, nat } = this.options;
    const { udp: port } = ports();
    const { mapped } = nat;
    const all = [
      ...this.announced(),
      ...(mapped ? [mapped] : []),
      ...this.ownAddresses().map((address) => ({ address, port })),
    ];
    const unique = new Map(all.map((endpoint) => [endpointText(endpoint), endpoint]));
    return [...unique.values()].slice(0, MOST_ENDPOINTS);
  }

  /** In the agreement on keys. */
  offer(): { endpoints: Endpoint[]; relays: boolean; lora: number | undefined } {
    return { endpoints: this.endpoints(), relays: this.isRelay, lora: this.loraAddress };
  }

  ways(): WaysMessage {
    const { loraAddress: lora } = this;
    return {
      endpoints: this.endpoints().map(endpointText),
      nat: this.options.nat.kind,
      relays: this.isRelay,
      addresses: this.addresses().slice(0, MOST_ENDPOINTS),
      ...(lora === undefined ? {} : { lora }),
    };
  }

  record(): Omit<SelfDescription, "chain"> {
    const { name, relays, sessions, services, capability, load } = this.options;
    const { addresses, endpoints, nat, lora } = { ...this.ways(), addresses: this.addresses() };
    const able = capability();
    const reachedBy = [...new Set([...relays(), ...sessions()])].slice(0, MAX_RELAYS);
    return {
      name,
      addresses,
      endpoints,
      nat,
      relays: this.isRelay,
      reachedBy: reachedBy.map(publicKeyOf),
      services: services(),
      load: load(),
      ...(lora === undefined ? {} : { lora }),
      ...(able ? { capability: able } : {}),
    };
  }

  /** Somebody behind a NAT is reached through a relay itself, so it is none for others. */
  private get isRelay(): boolean {
    return this.options.config.relay.enabled;
  }

  private get loraAddress(): number | undefined {
    const { lora } = this.options;
    return lora?.isUsable() ? lora.address : undefined;
  }

  private ownAddresses(): string[] {
    return addressesForMembers(this.options.interfaces());
  }

  /** Addresses, not names: members do not resolve names that others give them. */
  private announced(): Endpoint[] {
    return this.options.config.announce.flatMap((text) => parseEndpoint(text) ?? []);
  }
}
