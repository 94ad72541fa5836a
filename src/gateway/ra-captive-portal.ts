import { sendToAllNodes } from "../host/icmpv6.ts";

const ROUTER_ADVERTISEMENT = 134;
const CAPTIVE_PORTAL_OPTION = 37;
/** Flag O: more by DHCPv6, as dnsmasq's own advertisements say (RFC 4861 section 4.2). */
const OTHER_CONFIGURATION = 0x40;
/** In s, as dnsmasq's own advertisements say. */
const ROUTER_LIFETIME = 600;
const CUR_HOP_LIMIT = 64;

/**
 * A router advertisement that carries the captive-portal option (RFC 8910 section 2.3) and nothing else: dnsmasq,
 * which has no such option, advertises prefix and resolver itself, and a host joins what it hears from one router
 * (RFC 4861 section 6.3.4). The checksum is left at 0 for the kernel.
 * @param url at most 2,038 bytes (the option counts units of 8 octets in one byte)
 */
export function captivePortalAdvertisement(url: string): Uint8Array {
  const text = new TextEncoder().encode(url);
  const units = Math.ceil((2 + text.length) / 8);
  if (text.length === 0 || units > 255)
    throw new RangeError(`captive-portal URL: ${text.length} bytes do not fit`);
  const message = new Uint8Array(16 + units * 8);
  const view = new DataView(message.buffer);
  view.setUint8(0, ROUTER_ADVERTISEMENT);
  view.setUint8(4, CUR_HOP_LIMIT);
  view.setUint8(5, OTHER_CONFIGURATION);
  view.setUint16(6, ROUTER_LIFETIME);
  view.setUint8(16, CAPTIVE_PORTAL_OPTION);
  view.setUint8(17, units);
  message.set(text, 18);
  return message;
}

/** Sends it to every guest on a link. */
export function sendCaptivePortalAdvertisement(device: string, url: string): void {
  sendToAllNodes(device, captivePortalAdvertisement(url));
}
