import { isInPrefix } from "../../host/ip-address.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import type { LocalInterface } from "./discovery-interface.ts";
import { type Announcement, MAX_ADDRESSES } from "./sealed-announcement.ts";

/** One network, as far as it is told on local links. */
export interface LocalNetwork {
  /** Whatever the owner calls it by; it never leaves the box. */
  id: string;
  /** This box's peer id in it. */
  peer: string;
  /** Those that still hold, 32 bytes each, the newest first. Without any nothing is said or heard. */
  sharedKeys(): readonly Uint8Array[];
  /** 0: does not listen. */
  ports(): { tcp: number; ws: number; udp: number };
}

/** What this box says of itself in a network, on a link. */
export function announcementOf(network: LocalNetwork, link: LocalInterface): Announcement {
  const ports = network.ports();
  return {
    publicKey: publicKeyOf(network.peer),
    tcpPort: ports.tcp,
    wsPort: ports.ws,
    udpPort: ports.udp,
    addresses: toldAddresses(link),
    isGoodbye: false,
  };
}

/** The same as one text, the key that it is sealed with included: it changes when there is news to tell. */
export function wordsOf(network: LocalNetwork, link: LocalInterface): string {
  const { tcpPort, wsPort, udpPort, addresses } = announcementOf(network, link);
  const key = network.sharedKeys()[0];
  return JSON.stringify([
    network.peer,
    tcpPort,
    wsPort,
    udpPort,
    addresses,
    key && Buffer.from(key).toString("hex"),
  ]);
}

/** The interface's own addresses, those of the link first, which hold longest and reach nobody else. */
function toldAddresses(link: LocalInterface): string[] {
  const plain = link.addresses.map((text) => text.split("/")[0] ?? "");
  const isOfLink = (address: string) => isInPrefix(address, "fe80::/10");
  return [...plain.filter(isOfLink), ...plain.filter((address) => !isOfLink(address))].slice(
    0,
    MAX_ADDRESSES,
  );
}
