import { hkdfSync, randomBytes } from "node:crypto";
import type { ConnectionProtector, MessageStream, MultiaddrConnection } from "@libp2p/interface";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "./engine-interface.ts";
import { GREETING, PrivateNetworkError, ProtectedStream } from "./protected-stream.ts";
import type { SharedKeyChoice } from "./shared-key-choice.ts";
import { NONCE_BYTES, XSalsa20 } from "./xsalsa20.ts";

/** Somebody who connects has to show the shared key within this. Slow links need two round trips for TCP and WebSocket before. */
const SHOW_KEY_WITHIN_MS = 4_000;

const STRANGER = "does not know the network's shared key";
/** Preambles that were good, of which another of the same nonce is a copy. */
const MAX_SEEN = 4_096;

export interface PrivateNetworkOptions {
  /** This box's peer id, which whoever dials it names. */
  self: PeerId;
  keys: SharedKeyChoice;
  timers: Timers;
  /** The peer that a stream was dialled to, as far as its address says so. */
  peerOf(connection: MessageStream): string;
  /**
   * Somebody who connects has shown the key. Asked before anything is said to it.
   * @returns why it cannot be taken on now, or undefined when it can
   */
  proven(connection: MessageStream): string | undefined;
  /** Somebody came without a shared key of this network. */
  refused(connection: MessageStream, why: string): void;
}

/**
 * Keeps those who do not know one of the network's shared keys out of its TCP, WebSocket and circuit connections, in the
 * manner of libp2p's private networks (PSK version 1): each side sends 24 random bytes, and from there on XSalsa20 with
 * its own 24 bytes as nonce.
 *
 * Three things differ from @libp2p/pnet. The keys are not the shared key itself but derived from it, for each direction
 * and for who is dialled, whom the dialler always knows; and no nonce is taken twice. So who has recorded how a connection
 * began finds no other box of the network by sending that to whomever it meets. One who is dialled says nothing at all, not
 * even its nonce, before the other has shown the key by what every connection begins with, the greeting of
 * multistream-select; so a stranger learns nothing but an open port, and one of several keys is told from the others.
 * And its memory does not grow with what passes (js-libp2p 3585 ends connections after 68 to 85 MB).
 * @see https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md
 */
export class PrivateNetwork implements ConnectionProtector {
  /** Nonces of good preambles in hex, the latest at the end. */
  private readonly seen = new Set<string>();

  constructor(private readonly options: PrivateNetworkOptions) {}

  async protect(
    connection: MessageStream,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<MessageStream> {
    signal?.throwIfAborted();
    return connection.direction === "outbound" ? this.dialled(connection) : this.accepted(connection, signal);
  }

  /** Goes on at once: the answer shows later whether the key was right. */
  private dialled(stream: MessageStream): MessageStream {
    const { keys } = this.options;
    const peer = this.options.peerOf(stream);
    const key = keys.pick(peer);
    if (key === undefined) throw new PrivateNetworkError("the network has no shared key");
    const nonce = randomBytes(NONCE_BYTES);
    const inside = new ProtectedStream({
      stream,
      send: new XSalsa20(nonce, keyOf("to", peer, key)),
      opens: (preamble) => openPreamble(preamble, "from", peer, [key]),
      settled: (error) => {
        if (error === undefined) keys.worked(peer, key);
        else keys.failed(peer, key);
      },
    });
    stream.send(nonce);
    return inside;
  }

  private async accepted(stream: MessageStream, signal: AbortSignal | undefined): Promise<MessageStream> {
    const { self, keys } = this.options;
    const shown = Promise.withResolvers<void>();
    const nonce = randomBytes(NONCE_BYTES);
    let send: XSalsa20 | undefined;
    const inside = new ProtectedStream({
      stream,
      send: {
        apply: (bytes) => {
          if (send === undefined) throw new PrivateNetworkError("nothing is said before the key was shown");
          return send.apply(bytes);
        },
      },
      opens: (preamble) => {
        const opened = openPreamble(preamble, "to", self, keys.all());
        this.expectNew(preamble.subarray(0, NONCE_BYTES));
        const busy = this.options.proven(stream);
        if (busy !== undefined) throw new PrivateNetworkError(busy);
        send = new XSalsa20(nonce, keyOf("from", self, opened.key));
        stream.send(nonce);
        return opened;
      },
      settled: (error) => (error === undefined ? shown.resolve() : shown.reject(error)),
    });
    const late = (): void => shown.reject(new PrivateNetworkError("did not show the shared key in time"));
    const callOff = this.options.timers.after(SHOW_KEY_WITHIN_MS, late);
    signal?.addEventListener("abort", late, { once: true });
    try {
      await shown.promise;
      return inside;
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      inside.abort(reason);
      this.options.refused(stream, reason.message);
      throw reason;
    } finally {
      callOff();
      signal?.removeEventListener("abort", late);
    }
  }

  private expectNew(nonce: Uint8Array): void {
    const text = Buffer.from(nonce).toString("hex");
    // To whoever sends a copy it looks like any other refusal.
    if (this.seen.has(text)) throw new PrivateNetworkError(STRANGER);
    this.seen.add(text);
    for (const oldest of this.seen) {
      if (this.seen.size <= MAX_SEEN) return;
      this.seen.delete(oldest);
    }
  }
}

/** To the one who was dialled, or from it. */
type Way = "to" | "from";

/** The key of one direction of connections to a box: what the box has said cannot be said to it. */
function keyOf(way: Way, dialled: PeerId, sharedKey: Uint8Array): Uint8Array {
  const info = `omerta private network 1\0${way}\0${dialled}`;
  return new Uint8Array(hkdfSync("sha256", sharedKey, "", info, 32));
}

/** The peer id at the end of a dialled address, or the address itself. */
export function dialledPeer(connection: MessageStream): string {
  // libp2p hands the transport's connection to the protector; only its type is the wider one.
  const { remoteAddr } = connection as Partial<MultiaddrConnection>;
  const last = remoteAddr?.getComponents().findLast(({ name }) => name === "p2p");
  return last?.value ?? String(remoteAddr ?? "");
}

function openPreamble(
  preamble: Uint8Array,
  way: Way,
  dialled: PeerId,
  keys: readonly Uint8Array[],
): { key: Uint8Array; receive: XSalsa20; greeting: Uint8Array } {
  const nonce = preamble.subarray(0, NONCE_BYTES);
  const sealed = preamble.subarray(NONCE_BYTES);
  for (const key of keys) {
    const receive = new XSalsa20(nonce, keyOf(way, dialled, key));
    const greeting = receive.apply(sealed);
    if (greeting.equals(GREETING)) return { key, receive, greeting };
  }
  throw new PrivateNetworkError(STRANGER);
}
