import type { Connection } from "@libp2p/interface";
import type { Member } from "../../identity/member.ts";
import type { EngineConnection } from "./engine-interface.ts";

/** What the engine tells of one of libp2p's connections. */
export function connectionFacts(connection: Connection, member: Member, openedMs: number): EngineConnection {
  const peer = connection.remotePeer.toString();
  const components = connection.remoteAddr.getComponents();
  const has = (...names: string[]): boolean => components.some(({ name }) => names.includes(name));
  const kind = has("webrtc") ? "webrtc" : has("p2p-circuit") ? "circuit" : has("ws", "wss") ? "ws" : "tcp";
  const relay = kind === "circuit" ? components.find(({ name }) => name === "p2p")?.value : undefined;
  const suffix = `/p2p/${peer}`;
  const whole = connection.remoteAddr.toString();
  return {
    id: connection.id,
    peer,
    member,
    direction: connection.direction,
    remote: whole.endsWith(suffix) ? whole.slice(0, -suffix.length) : whole,
    kind,
    ...(relay !== undefined && { relay }),
    openedMs,
  };
}

/** Straight ones before WebRTC, which tells no sender to wait, before relayed ones; the newest first among equals. */
export function byPreference(a: EngineConnection, b: EngineConnection): number {
  return RANK[a.kind] - RANK[b.kind] || b.openedMs - a.openedMs;
}

const RANK: Record<EngineConnection["kind"], number> = { tcp: 0, ws: 0, webrtc: 1, circuit: 2 };
