import { z } from "zod";

/** The two systems on the medium, of which one runs. */
export const SLOTS = ["A", "B"] as const;
export type Slot = (typeof SLOTS)[number];

export const otherSlot = (slot: Slot): Slot => (slot === "A" ? "B" : "A");

export const MAX_OUTCOMES = 10;
export const MAX_REFUSED = 50;

const text = z.string().max(1_000);
const slot = z.enum(SLOTS);

/** What has come of an update. */
const outcome = z.looseObject({
  kind: z.enum(["updated", "went-back", "fell-back", "refused", "failed"]),
  /** What was to run, or runs now. */
  version: text,
  /** What ran before, and runs again after going back. */
  before: text,
  /** The slot that runs now. */
  slot,
  /** Why, for whoever asks; "" where all is well. */
  reason: text,
});

const candidate = z.looseObject({
  /** What tells it from others: the hash of its signature. */
  id: text,
  file: text,
  version: text,
  /** Who it came from, in words. */
  from: text,
  mayBeOlder: z.boolean(),
  /** The operator has said that it is to be installed: it waits for no window. */
  isAsked: z.boolean(),
  /** How often installing it has begun. */
  installs: z.int().min(0),
});

const trial = z.looseObject({
  slot,
  version: text,
  /** What ran when it was begun. */
  before: text,
  /** Of the bundle; "" when an earlier system is tried again. */
  id: text,
  /** The start of the machine in which it was begun. */
  bootId: text,
  tries: z.int().min(1),
  /** How often the daemon has started in it. */
  starts: z.int().min(0),
  /** Why it was ended; "" while nothing speaks against it. */
  verdict: text,
  /** The parts that ran well before it: they have to again. */
  partsBefore: z.array(text).max(100),
});

/**
 * What survives of an update, whatever happens in between. The system in the other slot reads it too, be it older or newer:
 * what it does not know it leaves as it is.
 */
export const updateStateSchema = z.looseObject({
  stage: z.enum(["idle", "waiting", "installing", "installed", "trying"]),
  /** The operator wants nothing to be installed until further notice. */
  isHeld: z.boolean(),
  candidate: candidate.optional(),
  trial: trial.optional(),
  /** The newest first. */
  outcomes: z.array(outcome).max(MAX_OUTCOMES),
  /** Bundles that are not tried again by themselves. */
  refused: z.array(z.looseObject({ id: text, reason: text })).max(MAX_REFUSED),
  /** What is in each slot, as far as is known. */
  versions: z.looseObject({ A: text.optional(), B: text.optional() }),
  /** The start of the machine that was found good. */
  confirmedBootId: text,
});

export type UpdateState = z.output<typeof updateStateSchema>;
export type Candidate = z.output<typeof candidate>;
export type Trial = z.output<typeof trial>;
export type Outcome = z.output<typeof outcome>;

export const firstUpdateState = (): UpdateState => ({
  stage: "idle",
  isHeld: false,
  outcomes: [],
  refused: [],
  versions: {},
  confirmedBootId: "",
});
