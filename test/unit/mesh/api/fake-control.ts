import type {
  InviteRequest,
  InviteView,
  LedRequest,
  MeshControl,
  NetworkStatus,
  PeerStatus,
  RevokedInvite,
  StreamRequest,
  TraceStep,
  TunnelRequest,
  TunnelView,
} from "../../../../src/mesh/api/mesh-control.ts";

export const NETWORK: NetworkStatus = {
  id: "0123456789abcdef",
  name: "Harbour",
  words: "one two three four",
  self: { peer: "12D3KooWself", words: "five six", role: "box", expiresAt: 0 },
  ports: { tcp: 4600, ws: 4601, udp: 4600 },
  nat: "cone",
  seenAs: "203.0.113.7:4600",
  canInvite: true,
  canRevoke: false,
  known: 2,
  connected: 1,
  relayed: { boxes: 0, bytes: 0, dropped: 0 },
};

/** Answers as it was told to, and remembers what it was asked. */
export class FakeControl implements MeshControl {
  readonly asked: unknown[][] = [];
  readonly listeners = new Map<string, Set<(message: { from: string; body: Uint8Array }) => void>>();
  /** Thrown by everything that is asked, once it is set. */
  failure: unknown;
  peersKnown: PeerStatus[] = [];
  steps: TraceStep[] = [];
  tunnelsOpen: TunnelView[] = [];
  networksKnown: NetworkStatus[] = [NETWORK];
  invitesKnown: InviteView[] = [];
  /** How many a revoked invite puts out. */
  putOut = 2;
  link = "omerta://invite/link";
  frames: AsyncIterable<Uint8Array> = (async function* () {})();
  /** By which streams are ended. */
  readonly exchanges: AbortSignal[] = [];

  networks(): NetworkStatus[] {
    return this.note(["networks"], this.networksKnown);
  }
  peers(network?: string): PeerStatus[] {
    return this.note(["peers", network], this.peersKnown);
  }
  async found(name: string): Promise<NetworkStatus> {
    return this.note(["found", name], { ...NETWORK, name });
  }
  async join(link: string): Promise<NetworkStatus> {
    return this.note(["join", link], NETWORK);
  }
  async leave(network: string): Promise<void> {
    this.note(["leave", network], undefined);
  }
  invite(network: string, request: InviteRequest): { link: string; bootstrap: number; id: string } {
    return this.note(["invite", network, request], { link: this.link, bootstrap: 2, id: "0a1b2c3d4e5f" });
  }
  invites(network: string): InviteView[] {
    return this.note(["invites", network], this.invitesKnown);
  }
  async revokeInvite(
    network: string,
    invite: string,
    how: { keep: boolean; why: string },
  ): Promise<RevokedInvite> {
    return this.note(["revokeInvite", network, invite, how], {
      id: "0a1b2c3d4e5f",
      putOut: how.keep ? 0 : this.putOut,
    });
  }
  async revoke(network: string, peer: string, why: string): Promise<{ inviteClosed: boolean }> {
    return this.note(["revoke", network, peer, why], { inviteClosed: true });
  }
  async rotate(network: string): Promise<void> {
    this.note(["rotate", network], undefined);
  }
  async exportKeys(passphrase: string): Promise<Uint8Array> {
    return this.note(["exportKeys", passphrase], Buffer.from("an age file"));
  }
  async importKeys(file: Uint8Array, passphrase: string): Promise<string[]> {
    return this.note(["importKeys", Buffer.from(file).toString(), passphrase], ["Harbour"]);
  }
  async send(request: Parameters<MeshControl["send"]>[0]): Promise<{ peer: string; tookMs: number }> {
    return this.note(["send", request], { peer: "12D3KooWfar", tookMs: 12.5 });
  }
  async publish(network: string, topic: string, body: Uint8Array): Promise<void> {
    this.note(["publish", network, topic, Buffer.from(body).toString()], undefined);
  }
  listen(
    what: { network: string; channel?: string; topic?: string },
    heard: (message: { from: string; body: Uint8Array }) => void,
  ): () => void {
    this.note(["listen", what], undefined);
    const key = what.channel ?? what.topic ?? "";
    const listeners = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, listeners.add(heard));
    return () => void listeners.delete(heard);
  }
  async exchange(request: StreamRequest, over: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    this.exchanges.push(over);
    return this.note(["exchange", request], this.frames);
  }
  async trace(network: string, peer: string): Promise<TraceStep[]> {
    return this.note(["trace", network, peer], this.steps);
  }
  tunnels(): TunnelView[] {
    return this.note(["tunnels"], this.tunnelsOpen);
  }
  async openTunnel(request: TunnelRequest): Promise<TunnelView> {
    this.note(["openTunnel", request], undefined);
    throw new Error("no tunnels here");
  }
  welcomeTunnel(request: Omit<TunnelRequest, "peer"> & { peer?: string }): string {
    return this.note(["welcomeTunnel", request], "welcome");
  }
  async closeTunnel(network: string, id: string): Promise<void> {
    this.note(["closeTunnel", network, id], undefined);
  }

  readonly led: { request: LedRequest; over: AbortSignal; end: (why: string) => void }[] = [];
  async leadTunnel(request: LedRequest, over: AbortSignal): Promise<{ over: Promise<string> }> {
    const { network, peer, lease } = request;
    this.note(["leadTunnel", network, peer, lease], undefined);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.led.push({ request, over, end: resolve });
    return { over: promise };
  }

  /** How many listen, to anything. */
  get listening(): number {
    return [...this.listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  say(key: string, body: string): void {
    for (const heard of this.listeners.get(key) ?? [])
      heard({ from: "12D3KooWfar", body: Buffer.from(body) });
  }

  private note<T>(asked: unknown[], answer: T): T {
    this.asked.push(asked);
    if (this.failure !== undefined) throw this.failure;
    return answer;
  }
}
