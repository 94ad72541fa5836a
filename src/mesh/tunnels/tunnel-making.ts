import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import { CountingProber, KEPT_PACE_MS } from "./counting-prober.ts";
import { deviceOf, type EndWish, isKept } from "./kept-end.ts";
import { Tunnel } from "./tunnel.ts";
import type { TunnelMail } from "./tunnel-mail.ts";
import type { Whereabouts } from "./tunnel-messages.ts";
import { TunnelProber } from "./tunnel-prober.ts";
import { type NewTunnel, newTunnel } from "./tunnel-state.ts";
import {
  type DeviceWish,
  LINK_LOCAL,
  otherRole,
  type TunnelDevice,
  type TunnelRole,
  WireGuardDevice,
} from "./wireguard-device.ts";
import { INTERFACE_PREFIX } from "./wireguard-process.ts";

/** What one end of a tunnel is made with. */
export interface TunnelMaking {
  lifetimeMs: number;
  mail: TunnelMail;
  /** Where its UDP port may be met. */
  own(port: number): Whereabouts;
  relaysBeside(peer: PeerId): PeerId[];
  isMetered(endpoint: Endpoint): boolean;
  deviceFactory?(name: string, role: TunnelRole, wish: DeviceWish): TunnelDevice;
  runFolder: string;
  timers: Timers;
  randomBytes(length: number): Uint8Array;
  log: Logger;
  /** Asked again after all that is awaited: what is no longer wanted is undone. */
  isWanted(): boolean;
  ended(tunnel: Tunnel): void;
}

/** There are no tunnels any more, as the box stops or leaves the network. */
export class TunnelsStoppedError extends Error {
  override readonly name = "TunnelsStoppedError";
  constructor() {
    super("tunnels have been stopped");
  }
}

/**
 * Makes one end with its interface, or takes one that is kept.
 * @throws {TunnelsStoppedError}, or {RunError} when the interface cannot be made; nothing is left of it then
 */
export async function makeTunnel(
  about: Pick<NewTunnel, "id" | "role" | "peer" | "purpose">,
  wish: EndWish,
  making: TunnelMaking,
): Promise<{ tunnel: Tunnel; listenPort: number }> {
  const { lifetimeMs, mail, runFolder, timers, randomBytes, log } = making;
  const name = `${INTERFACE_PREFIX}${Buffer.from(randomBytes(4)).toString("hex")}`;
  const device = isKept(wish)
    ? deviceOf(wish)
    : (making.deviceFactory?.(name, about.role, wish) ??
      new WireGuardDevice(name, about.role, wish, runFolder, log));
  const { publicKey, listenPort } = await ensured(device, () => making.isWanted());
  const state = newTunnel({
    ...about,
    key: new Uint8Array(Buffer.from(publicKey, "base64")),
    expiresAtMs: timers.monotonicMs() + lifetimeMs,
    own: making.own(listenPort),
    relays: making.relaysBeside(about.peer),
    ...(isKept(wish) ? { leastPaceMs: KEPT_PACE_MS } : {}),
  });
  const onReply = (rttMs: number) => tunnel.take({ type: "proof", rttMs, atMs: timers.monotonicMs() });
  const prober = isKept(wish)
    ? new CountingProber({ end: wish, timers, onReply, onSeen: (status) => tunnel.notice(status) })
    : new TunnelProber({
        device: device.name,
        ...(device.netns === undefined ? {} : { netns: device.netns }),
        address: LINK_LOCAL[otherRole(about.role)],
        timers,
        onReply,
      });
  const tunnel: Tunnel = new Tunnel(state, {
    device,
    prober,
    timers,
    log,
    isMetered: (endpoint) => making.isMetered(endpoint),
    tell: (peer, message) => mail.tell(peer, message),
    tellRelay: (relay, message) => mail.tellRelay(relay, message),
    ended: () => making.ended(tunnel),
  });
  return { tunnel, listenPort };
}

async function ensured(device: TunnelDevice, isWanted: () => boolean): ReturnType<TunnelDevice["ensure"]> {
  try {
    if (!isWanted()) throw new TunnelsStoppedError();
    const made = await device.ensure();
    if (!isWanted()) throw new TunnelsStoppedError();
    return made;
  } catch (error) {
    await device.remove();
    throw error;
  }
}
