/**
 * What candidates WebRTC finds with a STUN server, by libdatachannel's own ICE, as a process of its own for labs.
 * Argument: "stun:host:port". Prints a line for each candidate, then ends.
 */
import { createRequire } from "node:module";

interface PeerConnection {
  onLocalCandidate(take: (candidate: string, mid: string) => void): void;
  onGatheringStateChange(take: (state: string) => void): void;
  createDataChannel(label: string): unknown;
  close(): void;
}
interface DataChannelLibrary {
  PeerConnection: new (name: string, config: { iceServers: string[] }) => PeerConnection;
  cleanup(): void;
}

if (import.meta.main) {
  const library = createRequire(import.meta.url)("node-datachannel") as DataChannelLibrary;
  const connection = new library.PeerConnection("lab", { iceServers: [process.argv[2] ?? ""] });
  connection.onLocalCandidate((candidate) => void process.stdout.write(`${candidate}\n`));
  connection.onGatheringStateChange((state) => {
    if (state !== "complete") return;
    connection.close();
    library.cleanup();
    process.exit(0);
  });
  connection.createDataChannel("lab");
}
