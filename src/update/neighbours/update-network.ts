/** What updates need of the mesh, in their own words: `src/mesh` has all of it. */

/** Whole frames both ways, in order. */
export interface UpdateStream {
  readonly peer: string;
  /** Resolves once there is room for the next. @throws when the stream has ended */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they come, until the other side closes. Throws when the stream was reset. */
  frames(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
  abort(reason: Error): void;
}

/** Who is at the other end, by certificates that were checked. */
export interface UpdateMember {
  role: "box" | "person" | "operator" | "requester";
}

/** The libp2p node of one network. */
export interface UpdateEngine {
  connections(peer?: string): readonly { peer: string; member: UpdateMember }[];
  open(peer: string, protocol: string): Promise<UpdateStream>;
  handle(
    protocol: string,
    serve: (stream: UpdateStream, member: UpdateMember) => Promise<void>,
    options: { maxStreams: number; maxFrameBytes: number },
  ): void;
  on(event: "joined", listener: (peer: string) => void): () => void;
}

/** A network of the mesh that runs. */
export interface UpdateNetwork {
  readonly membership: { readonly id: string };
  readonly engine: UpdateEngine;
  readonly directory: { get(peer: string): { record: { name: string } } | undefined };
  /** The ways to a peer; what the chosen one costs decides what goes by it. */
  readonly paths: { status(peer: string): readonly { chosen: boolean; metered: boolean }[] };
}

/** Where the mesh tells of its networks: of those that run already at once, of others when they begin and end. */
export interface UpdateNetworks {
  /** @returns ends it */
  onNetworks(listener: { began: (network: UpdateNetwork) => void; ended: (id: string) => void }): () => void;
}

/** An operator's box is one too; people and requesters have no image to update. */
export const isBox = ({ role }: UpdateMember): boolean => role === "box" || role === "operator";
