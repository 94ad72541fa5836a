import type { Role } from "../../identity/index.ts";
import type { Capability, OfferedService } from "../directory/peer-record.ts";
import type { NatKind } from "../nat/nat-interface.ts";
import type { PathStatus, SendOptions } from "../paths/paths-interface.ts";
import type { KeptEnd } from "../tunnels/kept-end.ts";
import type { TunnelStatus } from "../tunnels/tunnel.ts";
import type { DeviceWish } from "../tunnels/wireguard-device.ts";

/** One network that the box belongs to, as its operator sees it. */
export interface NetworkStatus {
  id: string;
  name: string;
  /** Of the network's own key, as words to compare by voice. */
  words: string;
  /** This box in it. */
  self: { peer: string; words: string; role: Role; expiresAt: number };
  /** undefined while it is not running: then `trouble` says why. */
  ports?: { tcp: number; ws: number; udp: number };
  trouble?: string;
  nat: NatKind;
  /** As peers see it from outside; "" while unknown. */
  seenAs: string;
  /** Whether this box may invite other boxes. */
  canInvite: boolean;
  canRevoke: boolean;
  /** Members that are known, itself left out, and how many of them are connected. */
  known: number;
  connected: number;
  /** What was forwarded for others: by how many boxes, bytes, and datagrams that were not. */
  relayed: { boxes: number; bytes: number; dropped: number };
}

/** Another member of a network. */
export interface PeerStatus {
  network: string;
  peer: string;
  name: string;
  role: Role;
  words: string;
  connected: boolean;
  /** How streams go: "tcp", "ws", "webrtc", "circuit"; several at once are possible, the best first. */
  streams: string[];
  paths: PathStatus[];
  nat: NatKind;
  relays: boolean;
  services: readonly OfferedService[];
  capability?: Capability;
  /** Thousandths of a core. */
  load: number;
  heardSecondsAgo?: number;
}

export interface InviteRequest {
  role: Role;
  /** Lets one in, or as many as come. */
  once: boolean;
  /** How long it holds; 0: for ever. */
  hours: number;
}

/** An invite of a network, as far as this box knows of it. */
export interface InviteView {
  id: string;
  /** What who joins by it is. */
  role: Role;
  /** "out": who came by it was put out with it; "used": it was for one, who has come. */
  state: "open" | "used" | "expired" | "closed" | "out";
  /** Of one that this box has made: times in seconds since 1970, `expiresAt` 0 for never. */
  made?: { once: boolean; at: number; expiresAt: number };
  /** Who came by it and was not put out, by what they called themselves then. */
  came: { peer: string; name: string }[];
}

export interface RevokedInvite {
  id: string;
  /** How many were known to have come by it, and are out. */
  putOut: number;
}

/** A step on the way to a peer, and how long it took there and back. */
export interface TraceStep {
  kind: string;
  via: string;
  chosen: boolean;
  rttMs?: number;
  result: string;
}

/** What programs and the command line may ask of the mesh. Errors are {@link MeshError}s that name what is wrong. */
export interface MeshControl {
  networks(): NetworkStatus[];
  peers(network?: string): PeerStatus[];
  found(name: string): Promise<NetworkStatus>;
  join(link: string): Promise<NetworkStatus>;
  leave(network: string): Promise<void>;
  /** @returns the link, how many boxes it names to begin with, and by what it is told apart */
  invite(network: string, request: InviteRequest): { link: string; bootstrap: number; id: string };
  /** Those that this box has made, the last one first, then those that others have come by. */
  invites(network: string): InviteView[];
  /** Puts a member out, and closes the invite by which it came: else it would come back by that with another key. */
  revoke(network: string, peer: string, why: string): Promise<{ inviteClosed: boolean }>;
  /**
   * Puts out all who came by an invite and whom these have let in, and it lets in nobody any more.
   * @param invite its id, the beginning of that, or its link
   * @param how.keep leaves in who came by it, and only lets in nobody new
   */
  revokeInvite(network: string, invite: string, how: { keep: boolean; why: string }): Promise<RevokedInvite>;
  rotate(network: string): Promise<void>;
  exportKeys(passphrase: string): Promise<Uint8Array>;
  importKeys(file: Uint8Array, passphrase: string): Promise<string[]>;
  /** @returns which peer it was, and how long it took until it had acknowledged it */
  send(request: {
    network: string;
    peer: string;
    channel: string;
    body: Uint8Array;
    options: SendOptions;
  }): Promise<{ peer: string; tookMs: number }>;
  publish(network: string, topic: string, body: Uint8Array): Promise<void>;
  /** What members send to `channel` or publish on `topic`. @returns ends it */
  listen(
    what: { network: string; channel?: string; topic?: string },
    heard: (message: { from: string; body: Uint8Array }) => void,
  ): () => void;
  /**
   * Opens a stream to a member, which is reached first where it must, and sends it one frame.
   * @param over ends it
   * @returns the frames that come back, until the member ends it. Who does not want them all must end it
   */
  exchange(request: StreamRequest, over: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  trace(network: string, peer: string): Promise<TraceStep[]>;
  tunnels(): TunnelView[];
  /** Opens a tunnel, and waits until it carries. */
  openTunnel(request: TunnelRequest): Promise<TunnelView>;
  /** Takes the next tunnel that a member offers and that is like this. @returns its name */
  welcomeTunnel(request: Omit<TunnelRequest, "peer"> & { peer?: string }): string;
  closeTunnel(network: string, id: string): Promise<void>;
  /**
   * Has an interface of a program's follow whatever way there is to a member, as a lease's tunnel does.
   * @param over ends it
   * @returns kept when it is over, with the reason
   */
  leadTunnel(request: LedRequest, over: AbortSignal): Promise<{ over: Promise<string> }>;
}

/** What of a box's own protocols programs may speak: "lease" asks a box for a virtual machine. */
export type StreamProtocol = "lease";

export interface StreamRequest {
  network: string;
  peer: string;
  protocol: StreamProtocol;
  /** The first, and the only one that the program sends. */
  frame: Uint8Array;
}

/** A WireGuard tunnel between this box and another member. */
export type TunnelView = TunnelStatus & { network: string };

export interface TunnelRequest {
  network: string;
  peer: string;
  /** What the tunnel is for, told to the other end: its welcome may ask for the very words. */
  purpose: string;
  device: DeviceWish;
  /** It closes by itself after this. */
  lifetimeMs?: number;
}

/** A tunnel whose interface a program on this box has, which says so of its requests and answers by {@link KeptEnd}. */
export interface LedRequest {
  network: string;
  peer: string;
  /** The lease that it belongs to: the member has the other end. */
  lease: string;
  end: KeptEnd;
}

/** A request to the mesh that cannot be met, in words for whoever made it. */
export class MeshError extends Error {
  override readonly name = "MeshError";
  constructor(
    message: string,
    /** "wrong": the request; "unknown": what it names; "failed": the mesh. */
    readonly kind: "wrong" | "unknown" | "failed" = "wrong",
  ) {
    super(message);
  }
}
