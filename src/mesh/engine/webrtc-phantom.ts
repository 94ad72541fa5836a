import type { MultiaddrConnection } from "@libp2p/interface";
import type { Timers } from "../../host/timers.ts";

/** The side that dialled may be through a little before this one is. */
const WAIT_MS = 3_000;
const LOOK_EVERY_MS = 20;

/**
 * Whether a connection is one. When the side that dials WebRTC gives up, libp2p's other side goes on as if it were
 * connected (@libp2p/webrtc 6.0.33, readCandidatesUntilConnected); and it goes on likewise when the other is through
 * before itself. The second comes about within moments.
 */
export function hasComeAbout(connection: MultiaddrConnection, timers: Timers): Promise<boolean> {
  // Its class is not exported; other transports' connections have no such property.
  const { peerConnection } = connection as { peerConnection?: { connectionState?: unknown } };
  if (peerConnection === undefined) return Promise.resolve(true);
  const endsMs = timers.monotonicMs() + WAIT_MS;
  return new Promise((resolve) => {
    const look = (): void => {
      const { connectionState } = peerConnection;
      const isOver = connectionState === "failed" || connectionState === "closed";
      if (connectionState === "connected") resolve(true);
      else if (isOver || connection.status !== "open" || timers.monotonicMs() >= endsMs) resolve(false);
      else timers.after(LOOK_EVERY_MS, look);
    };
    look();
  });
}
