import type { Endpoint } from "../paths/endpoint.ts";
import { sameEndpoint } from "./tunnel-state.ts";
import { wireGuardPacket } from "./wireguard-packet.ts";

/*
 * Who is at the two ends of a relayed flow. A relay cannot read what it carries, but it can watch the ends recognise
 * each other: A's initiation carries an index; only the one with B's key can answer it with a response that carries
 * that index; and only if A finds the response right does it send data with the index out of the response. A source is
 * believed after all three. So:
 *
 * - Whoever merely knows or guesses a port, or forges source addresses, cannot take over a flow or end it: garbage that
 *   looks like a handshake is handed on, found wrong by the other end's WireGuard, and not answered. It costs the ends
 *   and the relay a few packets a second (the rules of the kernel limit them).
 * - Who can see one end's packets can copy an initiation and send it from elsewhere before the original. The true
 *   end's answer then goes there; as long as it does not send on what comes, the flow is broken until the next
 *   handshake from the true source, a moment later. Who can see and stop packets can always break a flow.
 * - Nobody reads or alters anything by this: the keys are the ends' own.
 */

export type FlowSide = "a" | "b";
export const otherSide = (side: FlowSide): FlowSide => (side === "a" ? "b" : "a");

/** An end as the relay meets it. */
export interface FlowEnd {
  /** Where its packets come from. */
  remote: Endpoint;
  /** The relay's own address to which they come. */
  local: string;
}

/** A handshake that is not over. */
interface HalfOpen {
  /** The initiator's. */
  side: FlowSide;
  end: FlowEnd;
  sender: number;
  packet: Uint8Array;
  atMs: number;
  /** Responses that carried its index. More than one when somebody else has seen it. */
  answers: readonly { end: FlowEnd; sender: number }[];
}

/** Both ends, as far as they are believed. */
export interface FlowState {
  a?: FlowEnd;
  b?: FlowEnd;
  halves: readonly HalfOpen[];
}

/** A datagram to be sent from the relay's port of `side`. */
export interface Forward {
  side: FlowSide;
  end: FlowEnd;
  datagram: Uint8Array;
}

export interface FlowStep {
  flow: FlowState;
  forwards: Forward[];
  /** An end is another one than before: the kernel's rules have to follow. */
  isMoved: boolean;
}

/** A handshake takes a few round trips; WireGuard itself gives one up after 5 s. */
const HALF_OPEN_MS = 5_000;
const MAX_HALVES = 8;
const MAX_ANSWERS = 4;
/** Of one initiation handed to ends that are not believed yet: as many as may really be one that moves, and little for who would abuse it to send to others. */
const MAX_UNPROVEN_TARGETS = 2;
/** While one end's initiation is this young and unanswered, the other's is held back: two that cross make both fail. */
const HEAD_START_MS = 600;

const sameEnd = (x: FlowEnd | undefined, y: FlowEnd | undefined): boolean =>
  x !== undefined && y !== undefined && x.local === y.local && sameEndpoint(x.remote, y.remote);

/** What follows from a datagram that came to the relay's port of `side`, from `from`: a pure function. */
export function flowStep(
  before: FlowState,
  side: FlowSide,
  from: FlowEnd,
  datagram: Uint8Array,
  atMs: number,
): FlowStep {
  const flow = { ...before, halves: before.halves.filter((half) => atMs - half.atMs < HALF_OPEN_MS) };
  const packet = wireGuardPacket(datagram);
  const other = otherSide(side);
  const nothing = { flow, forwards: [], isMoved: false };
  switch (packet?.kind) {
    case "initiation":
      return initiated(flow, {
        side,
        end: from,
        sender: packet.sender,
        packet: datagram.slice(),
        atMs,
        answers: [],
      });
    case "response": {
      const half = flow.halves.find((open) => open.side === other && open.sender === packet.receiver);
      if (!half) return nothing;
      const answers = [...half.answers, { end: from, sender: packet.sender }].slice(-MAX_ANSWERS);
      const answered = { ...half, answers };
      const halves = flow.halves.map((open) => (open === half ? answered : open));
      return {
        flow: { ...flow, halves },
        forwards: [{ side: other, end: half.end, datagram }],
        isMoved: false,
      };
    }
    case "cookie": {
      const half = flow.halves.find((open) => open.side === other && open.sender === packet.receiver);
      return half ? { ...nothing, forwards: [{ side: other, end: half.end, datagram }] } : nothing;
    }
    case "data":
      return carried(flow, side, from, packet.receiver, datagram);
    default:
      return nothing;
  }
}

function initiated(flow: FlowState, half: HalfOpen): FlowStep {
  const { side, end, atMs } = half;
  const other = otherSide(side);
  const rest = flow.halves.filter((open) => open.side !== side || !sameEnd(open.end, end));
  const halves = [...rest, half].slice(-MAX_HALVES);
  const theirs = halves.filter((open) => open.side === other);
  const believed = flow[other];
  const isKnown = sameEnd(end, flow[side]);
  const unproven = theirs.filter((open) => !sameEnd(open.end, believed)).slice(-MAX_UNPROVEN_TARGETS);
  // What a known end begins goes to the known other alone. One of the two that has moved begins by itself, and its third
  // packet is seen here; a known end's would be forwarded by the kernel, to where the other was.
  const targets = [...(believed ? [believed] : []), ...(isKnown ? [] : unproven.map((open) => open.end))];
  const forwards = targets.map((target): Forward => {
    const first = theirs.find(
      (open) => sameEnd(open.end, target) && atMs - open.atMs < HEAD_START_MS && open.answers.length === 0,
    );
    // What a known end has begun did not come to one that is new here, so nothing crosses.
    const mayCross = isKnown === sameEnd(target, believed);
    // That one was first, and gets its answer from here: it may not have got here before.
    return first && mayCross
      ? { side, end, datagram: first.packet }
      : { side: other, end: target, datagram: half.packet };
  });
  return { flow: { ...flow, halves }, forwards, isMoved: false };
}

function carried(
  flow: FlowState,
  side: FlowSide,
  from: FlowEnd,
  receiver: number,
  datagram: Uint8Array,
): FlowStep {
  const other = otherSide(side);
  const answerTo = (open: HalfOpen) => open.answers.find(({ sender }) => sender === receiver);
  const half = flow.halves.find(
    (open) => open.side === side && sameEnd(open.end, from) && answerTo(open) !== undefined,
  );
  const answer = half && answerTo(half);
  if (answer) {
    const isMoved = !sameEnd(flow[side], from) || !sameEnd(flow[other], answer.end);
    // The two have met: what else they began is of no more use.
    const halves = flow.halves.filter((open) => !sameEnd(open.end, from) && !sameEnd(open.end, answer.end));
    return {
      flow: { ...flow, [side]: from, [other]: answer.end, halves },
      forwards: [{ side: other, end: answer.end, datagram }],
      isMoved,
    };
  }
  const target = flow[other];
  // Between two that are believed the kernel forwards; this is the little that comes before it does.
  const forwards = target && sameEnd(flow[side], from) ? [{ side: other, end: target, datagram }] : [];
  return { flow, forwards, isMoved: false };
}
