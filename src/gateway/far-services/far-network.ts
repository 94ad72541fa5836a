/** What far services need of the mesh, in their own words: `src/mesh` has all of it. */

/** Whole frames both ways, in order. */
export interface FarStream {
  readonly peer: string;
  /** Resolves once there is room for the next. @throws when the stream has ended */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they come, until the other side closes. Throws when the stream was reset. */
  frames(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
  abort(reason: Error): void;
}

/** Who is at the other end, by certificates that were checked. */
export interface FarMember {
  role: "box" | "person" | "operator" | "requester";
}

/** The libp2p node of one network. */
export interface FarEngine {
  connections(peer?: string): readonly { peer: string }[];
  open(peer: string, protocol: string): Promise<FarStream>;
  handle(
    protocol: string,
    serve: (stream: FarStream, member: FarMember) => Promise<void>,
    options: { maxStreams: number; maxFrameBytes: number },
  ): void;
  on(event: "joined" | "left", listener: (peer: string) => void): () => void;
}

/** What a member says of itself. */
export interface FarRecord {
  name: string;
  /** Of those without a path there is no page, and nothing to lead to. */
  services: readonly { name: string; port: number; path?: string }[];
}

/** A network of the mesh that runs. */
export interface FarNetwork {
  readonly membership: { readonly id: string };
  readonly engine: FarEngine;
  readonly directory: {
    all(): readonly { peer: string; member: FarMember; record: FarRecord }[];
  };
  /** Opens a connection where there is none. @returns whether there is one now */
  connect(peer: string): Promise<boolean>;
}

/** Where the mesh tells of its networks: of those that run already at once, of others when they begin and end. */
export interface FarNetworks {
  /** @returns ends it */
  onNetworks(listener: { began: (network: FarNetwork) => void; ended: (id: string) => void }): () => void;
}

/** An operator's box is one too; people's devices and requesters have no guests. */
export const isBox = ({ role }: FarMember): boolean => role === "box" || role === "operator";
