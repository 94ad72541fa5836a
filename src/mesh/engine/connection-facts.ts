import type { Connection } from "@libp2p/interface";
import type { Member } from "../../identity/index.ts";
import type { EngineConnection } from "./engine-interface.ts";

/** What the engine tells of one of libp2p's connections. */
export function connectionFacts(connection: Connection, member: Member, openedMs: number): EngineConnection {
  const peer = connection.remotePeer.toString();
  const components = connection.remoteAddr.getComponents();
  const last = (...names: string[]): number => components.findLastIndex(({ name }) => names.includes(name));
  // What comes last is outermost: WebRTC is arranged over a circuit, and a circuit may lead over WebRTC to its relay.
  const [webrtc, circuit] = [last("webrtc"), last("p2p-circuit")];
  const plain = last("ws", "wss") >= 0 ? "ws" : "tcp";
  const kind = webrtc < 0 && circuit < 0 ? plain : webrtc > circuit ? "webrtc" : "circuit";
  const before = components.slice(0, Math.max(0, circuit));
  const relay = kind === "circuit" ? before.findLast(({ name }) => name === "p2p")?.value : undefined;
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
