/** What the messages part needs of the mesh, in its own words: `src/mesh` has all of it. */

/** Whole frames both ways, in order. */
export interface SyncStream {
  readonly peer: string;
  /** Resolves once there is room for the next. @throws when the stream has ended */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they come, until the other side closes. Throws when the stream was reset. */
  frames(): AsyncIterable<Uint8Array>;
  abort(reason: Error): void;
}

/** Who is at the other end, by certificates that were checked. */
export interface SyncMember {
  role: "box" | "person" | "operator" | "requester";
}

/** The libp2p node of one network. */
export interface SyncEngine {
  readonly peer: string;
  connections(): readonly { peer: string; member: SyncMember }[];
  open(peer: string, protocol: string): Promise<SyncStream>;
  handle(
    protocol: string,
    serve: (stream: SyncStream, member: SyncMember) => Promise<void>,
    options: { maxStreams: number; maxFrameBytes: number },
  ): void;
  on(event: "joined" | "left", listener: (peer: string) => void): () => void;
}

/** A network of the mesh that runs. */
export interface MeshNetwork {
  readonly membership: { readonly id: string; readonly name: string };
  readonly engine: SyncEngine;
  /** The ways to a peer; what the chosen one costs decides what goes by it. */
  readonly paths: { status(peer: string): readonly { chosen: boolean; metered: boolean }[] };
}

/** Where the mesh tells of its networks: of those that run already at once, of others when they begin and end. */
export interface MeshNetworks<N extends MeshNetwork = MeshNetwork> {
  /** @returns ends it */
  onNetworks(listener: { began: (network: N) => void; ended: (id: string) => void }): () => void;
}

/**
 * The one network that carries messages.
 * @param memberships the box's networks, the first that it joined first
 * @param wanted by name or id; "": the first
 */
export function messagesNetwork(
  memberships: readonly { id: string; name: string }[],
  wanted: string,
): string | undefined {
  const found =
    wanted === "" ? memberships[0] : memberships.find(({ id, name }) => id === wanted || name === wanted);
  return found?.id;
}

/** Whether the way that is taken to a peer now is one whose volume is paid for. */
export const isMetered = ({ paths }: MeshNetwork, peer: string): boolean =>
  paths.status(peer).some(({ chosen, metered }) => chosen && metered);
