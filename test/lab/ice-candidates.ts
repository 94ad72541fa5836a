/**
 * What candidates WebRTC finds with a STUN server, by libdatachannel's own ICE, as a process of its own for labs.
 * Argument: "stun:host:port". Prints a line for each candidate, then ends.
 */
import { writeSync } from "node:fs";
import { createRequire } from "node:module";

interface PeerConnection {
  onLocalCandidate(take: (candidate: string, mid: string) => void): void;
  onGatheringStateChange(take: (state: string) => void): void;
  createDataChannel(label: string): unknown;
  close(): void;
}
interface DataChannelLibrary {
  PeerConnection: new (name: string, config: { iceServers: string[] }) => PeerConnection;
}

if (import.meta.main) {
  const library = createRequire(import.meta.url)("node-datachannel") as DataChannelLibrary;
  const connection = new library.PeerConnection("lab", { iceServers: [process.argv[2] ?? ""] });
  // Written at once: what waits in a stream is lost when the process ends.
  connection.onLocalCandidate((candidate) => void writeSync(1, `${candidate}\n`));
  const complete = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  connection.createDataChannel("lab");
  await complete;
  connection.close();
  process.exit(0);
}
