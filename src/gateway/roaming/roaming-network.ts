/** What roaming needs of the mesh, in its own words: `src/mesh` has all of it. */

/** Whole frames both ways, in order. */
export interface RoamingStream {
  readonly peer: string;
  /** Resolves once there is room for the next. @throws when the stream has ended */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they come, until the other side closes. Throws when the stream was reset. */
  frames(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
  abort(reason: Error): void;
}

/** Who is at the other end, by certificates that were checked. */
export interface RoamingMember {
  role: "box" | "person" | "operator" | "requester";
}

/** The libp2p node of one network. */
export interface RoamingEngine {
  connections(peer?: string): readonly { peer: string; member: RoamingMember }[];
  open(peer: string, protocol: string): Promise<RoamingStream>;
  handle(
    protocol: string,
    serve: (stream: RoamingStream, member: RoamingMember) => Promise<void>,
    options: { maxStreams: number; maxFrameBytes: number },
  ): void;
  on(event: "joined", listener: (peer: string) => void): () => void;
}

/** A network of the mesh that runs. */
export interface RoamingNetwork {
  readonly membership: {
    readonly id: string;
    readonly seed: Uint8Array;
    sharedKeys(): readonly Uint8Array[];
    /** False also of who has not been checked since this box started. */
    isStillMember(publicKey: Uint8Array): boolean;
    isPutOut(publicKey: Uint8Array): boolean;
    onChange(listener: () => void): () => void;
  };
  readonly engine: RoamingEngine;
  /** Members by their own word. */
  readonly directory: {
    get(peer: string): { member: RoamingMember; record: { name: string } } | undefined;
  };
}

/** Where the mesh tells of its networks: of those that run already at once, of others when they begin and end. */
export interface RoamingNetworks {
  /** @returns ends it */
  onNetworks(listener: { began: (network: RoamingNetwork) => void; ended: (id: string) => void }): () => void;
}

/** An operator's box is one too; people and requesters have no part in this. */
export const isBox = ({ role }: RoamingMember): boolean => role === "box" || role === "operator";
