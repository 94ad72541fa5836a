import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import { FAST_MS } from "./echo-pace.ts";
import type { RelayMessage, TunnelMessage } from "./tunnel-messages.ts";
import {
  isUp,
  type TunnelAction,
  type TunnelEvent,
  type TunnelPhase,
  type TunnelState,
} from "./tunnel-state.ts";
import { acceptance, step } from "./tunnel-step.ts";
import type { TunnelDevice } from "./wireguard-device.ts";
import type { WireGuardStatus } from "./wireguard-dump.ts";

/** What a tunnel's steps act on. */
export interface TunnelHands {
  device: TunnelDevice;
  /** Echoes through the tunnel: see TunnelProber. */
  prober: { pace(intervalMs: number): void; stop(): Promise<void> };
  tell(peer: PeerId, message: TunnelMessage): void;
  tellRelay(relay: PeerId, message: RelayMessage): void;
  /** Whether what goes there leaves by a link whose volume is paid for. */
  isMetered(endpoint: Endpoint): boolean;
  timers: Timers;
  log: Logger;
  /** Told once, when it is over. */
  ended(): void;
}

export interface TunnelStatus {
  id: string;
  peer: PeerId;
  role: TunnelState["role"];
  purpose: string;
  phase: TunnelPhase;
  /** Why it is closed. */
  reason: string;
  interface: string;
  netns?: string;
  /** Where WireGuard sends to. */
  endpoint?: Endpoint;
  relay?: PeerId;
  rttMs?: number;
  /** Since an echo last came back. */
  provenAgoMs?: number;
  /** How often it was lost and found again by another way or the same. */
  losses: number;
}

const SETTLED_TICK_MS = 300;

/** One end of a WireGuard tunnel to another member, kept up by whatever way there is until either end closes it. */
export class Tunnel {
  private queue: Promise<unknown> = Promise.resolve();
  private isLooking = false;
  private cancelTick: (() => void) | undefined;
  private losses = 0;
  private readonly watchers = new Set<() => void>();

  constructor(
    private state: TunnelState,
    private readonly hands: TunnelHands,
  ) {}

  /** Hexadecimal, 32 characters. */
  get id(): string {
    return Buffer.from(this.state.id).toString("hex");
  }

  get peer(): PeerId {
    return this.state.peer;
  }

  get role(): TunnelState["role"] {
    return this.state.role;
  }

  get phase(): TunnelPhase {
    return this.state.phase;
  }

  /** Begins to keep time. */
  start(): void {
    this.tick();
  }

  /** Takes what has happened, and does what follows from it. */
  take(event: TunnelEvent): void {
    const before = this.state;
    const { state, actions } = step(before, event);
    this.state = state;
    for (const action of actions) this.perform(action);
    if (before.phase === state.phase) return;
    if (isUp(before) && state.phase === "searching") this.losses++;
    this.hands.log.info({ tunnel: this.id, peer: this.peer, way: state.way }, `tunnel: ${state.phase}`);
    for (const look of [...this.watchers]) look();
  }

  /** Takes what WireGuard was found to know. */
  notice({ peer }: WireGuardStatus): void {
    const { endpoint, receivedBytes = 0, sentBytes = 0 } = peer ?? {};
    const metered = endpoint !== undefined && this.hands.isMetered(endpoint);
    const bytes = receivedBytes + sentBytes;
    this.take({ type: "seen", endpoint, bytes, metered, atMs: this.now() });
  }

  /** Follower: says once more that it takes part. */
  repeatAcceptance(): void {
    this.hands.tell(this.peer, acceptance(this.state));
  }

  close(reason: string): void {
    this.take({ type: "close", reason, atMs: this.now() });
  }

  /** Resolves as soon as the tunnel carries. @throws when it is closed before that, or not up in time */
  up(timeoutMs: number): Promise<void> {
    return this.reached((phase) => phase === "direct" || phase === "relayed", timeoutMs);
  }

  /** Resolves once one of the phases is reached. @throws when that cannot be any more, or not in time */
  reached(isReached: (phase: TunnelPhase) => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (done: () => void) => {
        this.watchers.delete(look);
        cancel();
        done();
      };
      const look = () => {
        if (isReached(this.state.phase)) finish(resolve);
        else if (this.state.phase === "closed") finish(() => reject(new Error(this.state.reason)));
      };
      const cancel = this.hands.timers.after(timeoutMs, () =>
        finish(() => reject(new Error(`tunnel to ${this.peer}: ${this.phase} after ${timeoutMs} ms`))),
      );
      this.watchers.add(look);
      look();
    });
  }

  /** Kept when it is closed. @returns why */
  ended(): Promise<string> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.state.phase !== "closed") return;
        this.watchers.delete(look);
        resolve(this.state.reason);
      };
      this.watchers.add(look);
      look();
    });
  }

  /** Kept when everything that was to be done to the system is done. */
  async settled(): Promise<void> {
    await this.queue;
  }

  status(): TunnelStatus {
    const { state, hands } = this;
    const { device } = hands;
    return {
      id: this.id,
      peer: state.peer,
      role: state.role,
      purpose: state.purpose,
      phase: state.phase,
      reason: state.reason,
      interface: device.name,
      ...(device.netns === undefined ? {} : { netns: device.netns }),
      ...(state.way ? { endpoint: state.way } : {}),
      ...(state.relay ? { relay: state.relay.peer } : {}),
      ...(state.rttMs === undefined ? {} : { rttMs: state.rttMs }),
      ...(state.provenMs > 0 ? { provenAgoMs: this.now() - state.provenMs } : {}),
      losses: this.losses,
    };
  }

  private now(): number {
    return this.hands.timers.monotonicMs();
  }

  private tick(): void {
    this.take({ type: "tick", atMs: this.now() });
    const { phase, punch, doubtUntilMs, search } = this.state;
    if (phase === "closed") return;
    const isSettled = search ? search.isResting : isUp(this.state) && !punch && doubtUntilMs === undefined;
    this.cancelTick = this.hands.timers.after(isSettled ? SETTLED_TICK_MS : FAST_MS, () => this.tick());
  }

  private perform(action: TunnelAction): void {
    const { hands, state } = this;
    switch (action.type) {
      case "tell":
        hands.tell(state.peer, action.message);
        break;
      case "tell-relay":
        hands.tellRelay(action.relay, action.message);
        break;
      case "pace":
        // Behind what is being set: an echo sent before would take the old way.
        this.soon(() => hands.prober.pace(action.intervalMs));
        break;
      case "point": {
        const { theirKey } = state;
        if (!theirKey) break;
        const publicKey = Buffer.from(theirKey).toString("base64");
        const { endpoint, fresh } = action;
        hands.log.debug({ tunnel: this.id, endpoint, fresh }, "tunnel: pointed");
        this.soon(() => hands.device.setPeer({ publicKey, fresh, ...(endpoint ? { endpoint } : {}) }));
        break;
      }
      case "look":
        this.look();
        break;
      case "end":
        this.cancelTick?.();
        this.soon(() => hands.prober.stop());
        this.soon(() => hands.device.remove());
        // Behind what was just queued, which it may wait for.
        hands.ended();
        break;
    }
  }

  private look(): void {
    if (this.isLooking) return;
    this.isLooking = true;
    this.soon(async () => {
      this.isLooking = false;
      const { device } = this.hands;
      const status = await device.status();
      if (this.state.phase === "closed") return;
      if (!status) {
        this.hands.log.warn(`${device.name} has gone; making it anew`);
        await device.ensure();
        this.take({ type: "renewed", atMs: this.now() });
      } else this.notice(status);
    });
  }

  /** One thing after the other is done to the system; one that fails is said, and looked after at the next look. */
  private soon(task: () => Promise<void> | void): void {
    this.queue = this.queue.then(task).catch((error) => {
      this.hands.log.warn({ error, tunnel: this.id }, "tunnel: could not be set");
    });
  }
}
