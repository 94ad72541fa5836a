import { z } from "zod";

/*
 * What a requester's agent and those who ask it say to each other over its socket. Both ends read it by these forms: another
 * version of the program may be at the other end.
 */

/** A wish with everything in it is well below. */
export const MAX_ASKED_BYTES = 16_384;
/** A line of what is told, and an answer that is no stream. */
export const MAX_LINE_BYTES = 262_144;

const text = z.string().max(4_096);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What a virtual machine is asked for with; its fields are those of a lease request, which says what they may be. */
export const agentWish = z.strictObject({
  /** As a person names it; missing: the agent is to choose. */
  provider: text.optional(),
  resources: z.strictObject({ cpus: count, memoryMiB: count, diskMiB: count }),
  durationS: count,
  image: text,
  activity: text,
  /** A key of the requester's own, and the file with its other half; missing: one is made for this lease alone. */
  key: z.strictObject({ line: text, identity: text }).optional(),
  acceptsInspection: z.boolean(),
  heardAt: text.optional(),
  /** The lease ends when nobody follows it any more who holds it, as whoever asks does. */
  isHeld: z.boolean(),
  /** The file of a machine that was saved, and is to go on: absolute. */
  restore: text.startsWith("/").optional(),
});

/** Where a machine that is saved is brought to; missing: it stays with its box. */
export const agentSaving = z.strictObject({ to: text.startsWith("/").optional() });
export type AgentWish = z.output<typeof agentWish>;

/** How a lease stands. */
export const leaseView = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  provider: text,
  address: text,
  phase: z.enum([
    ...(["asking", "queued", "preparing", "ready", "suspended"] as const),
    ...(["checkpointed", "releasing", "ended"] as const),
  ]),
  outcome: text.optional(),
  /** In words; may be empty. */
  why: text,
  activity: text,
  /** ms since 1970 */
  askedAt: z.number(),
  durationS: z.number(),
  /** ms since 1970; missing: its machine was not seen to run yet. */
  runsSince: z.number().optional(),
});
export type LeaseView = z.output<typeof leaseView>;

/** One line of what a follower is told: a step that was reached, with how the lease stands now. */
export const agentLine = z.object({
  step: z.object({ name: text, afterMs: z.number(), why: text.optional() }),
  lease: leaseView,
});
export type AgentLine = z.output<typeof agentLine>;

export const agentList = z.object({
  leases: z.array(leaseView),
  /** What keeps them from the internet, as far as it can be told. */
  trouble: text.optional(),
});
export type AgentList = z.output<typeof agentList>;

/** How ssh(1) gets into a machine: see `SshAccess`. */
export const agentAccess = z.object({
  host: text,
  options: z.array(z.tuple([text, text])).max(50),
});

/** How a TCP connection to a machine is made; without a command straight. */
export const agentProxy = z.object({ address: text, command: z.array(text).max(100).optional() });

export const agentRefusal = z.object({
  error: text,
  /** Of a lease request, where it is that: `request.activity`. */
  field: text.optional(),
});
