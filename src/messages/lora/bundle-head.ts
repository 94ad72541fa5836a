import {
  type Destination,
  KINDS,
  type Kind,
  PRIORITIES,
  PRIORITY_OF,
  type Priority,
  type Sender,
} from "../bundle/bundle.ts";
import { KIND_NUMBERS } from "../bundle/bundle-codec.ts";
import type { OctetReader, OctetWriter } from "./octets.ts";

/** Whose keys are written in full. */
export interface FullKeys {
  sender: boolean;
  to: boolean;
}

/** What the first bytes of a form tell, see `bundle-form.ts`. */
export interface Head {
  kind: Kind;
  as: Sender["as"];
  hasSignature: boolean;
  isCoded: boolean;
  priority: Priority;
  to: Destination["kind"];
  full: FullKeys;
  /** Width of the time of creation; 0: it has none. */
  createdBytes: (typeof CREATED_WIDTHS)[number];
  /** Whether the sequence is in as few bytes as there can be. */
  isShort: boolean;
  /** undefined: it is no usual one, and written out. */
  lifetimeS: number | undefined;
}

const SENDERS: readonly Sender["as"][] = ["person", "guest", "box"];
const DESTINATIONS: readonly Destination["kind"][] = ["everyone", "person", "room", "service", "outside"];
/** In hours, by their number. */
const USUAL_LIFETIMES_H = [1, 2, 3, 4, 6, 8, 12, 24, 36, 48, 72, 96, 120, 168, 240, 336, 504, 720];
const OTHER_LIFETIME = 31;
const CREATED_WIDTHS = [0, 4, 6] as const;
const USUAL_HEAD = 0xf0;
const IS_SHORT = 0x20;
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

/** @returns whether a lifetime has a number, so that the head tells it */
export const isUsualLifetime = (lifetimeS: number): boolean => numberOfLifetime(lifetimeS) !== OTHER_LIFETIME;

/** What is sent most, where the keys are known, without a time and with one. Their places are numbers on the air: the list only grows. */
const USUAL_HEADS: readonly number[] = (
  [
    { kind: "check-in", as: "guest", to: "everyone", days: 30, isCoded: true, isShort: true },
    { kind: "post", as: "guest", to: "room", days: 7, isCoded: true, isShort: true },
    { kind: "direct", as: "person", to: "person", days: 7, isCoded: false, isShort: false },
    { kind: "receipt", as: "person", to: "person", days: 3, isCoded: false, isShort: true },
  ] as const
).flatMap(({ days, ...usual }) =>
  ([0, 4] as const).map((createdBytes) =>
    bitsOf({
      ...usual,
      hasSignature: usual.kind !== "direct",
      priority: PRIORITY_OF[usual.kind].usual,
      full: { sender: false, to: false },
      createdBytes,
      lifetimeS: days * DAY_S,
    }),
  ),
);

/** One byte where it is a usual one, else three. */
export function writeHead(out: OctetWriter, head: Head): void {
  const bits = bitsOf(head);
  const number = USUAL_HEADS.indexOf(bits);
  if (number < 0) out.uint(bits, 3);
  else out.uint(USUAL_HEAD | number, 1);
}

/** @throws {LoraFormError} naming the field */
export function readHead(from: OctetReader): Head {
  const { first, second, third } = readBytes(from);
  const kind = kindOf(from, first >> 4);
  const as = named(from, "as", SENDERS, (first >> 2) & 3);
  const priority = named(from, "priority", PRIORITIES, second >> 5);
  const to = named(from, "destination", DESTINATIONS, (second >> 2) & 7);
  const createdBytes = named(from, "createdS", CREATED_WIDTHS, third >> 6);
  const lifetime = third & OTHER_LIFETIME;
  return {
    ...{ kind, as, priority, to, createdBytes },
    hasSignature: (first & 2) !== 0,
    isCoded: (first & 1) !== 0,
    full: { sender: (second & 2) !== 0, to: (second & 1) !== 0 },
    isShort: (third & IS_SHORT) !== 0,
    lifetimeS:
      lifetime === OTHER_LIFETIME
        ? undefined
        : named(from, "lifetimeS", USUAL_LIFETIMES_H, lifetime) * HOUR_S,
  };
}

function readBytes(from: OctetReader): { first: number; second: number; third: number } {
  const first = from.uint("kind", 1);
  if (first < USUAL_HEAD)
    return { first, second: from.uint("priority", 1), third: from.uint("lifetimeS", 1) };
  const bits = named(from, "kind", USUAL_HEADS, first - USUAL_HEAD);
  return { first: bits >> 16, second: (bits >> 8) & 0xff, third: bits & 0xff };
}

/** As its three bytes. */
function bitsOf(head: Head): number {
  const { kind, as, hasSignature, isCoded, priority, to, full, createdBytes, isShort, lifetimeS } = head;
  const first =
    (KIND_NUMBERS[kind] << 4) | (SENDERS.indexOf(as) << 2) | (Number(hasSignature) << 1) | Number(isCoded);
  const second =
    (PRIORITIES.indexOf(priority) << 5) |
    (DESTINATIONS.indexOf(to) << 2) |
    (Number(full.sender) << 1) |
    Number(full.to);
  const lifetime = lifetimeS === undefined ? OTHER_LIFETIME : numberOfLifetime(lifetimeS);
  const third = (CREATED_WIDTHS.indexOf(createdBytes) << 6) | (isShort ? IS_SHORT : 0) | lifetime;
  return (first << 16) | (second << 8) | third;
}

function numberOfLifetime(lifetimeS: number): number {
  const number = lifetimeS % HOUR_S === 0 ? USUAL_LIFETIMES_H.indexOf(lifetimeS / HOUR_S) : -1;
  return number < 0 ? OTHER_LIFETIME : number;
}

function kindOf(from: OctetReader, number: number): Kind {
  const kind = KINDS.find((one) => KIND_NUMBERS[one] === number);
  if (kind === undefined) throw from.fail("kind", `${number} is not known here`);
  return kind;
}

function named<T>(from: OctetReader, field: string, all: readonly T[], number: number): T {
  const value = all[number];
  if (value === undefined) throw from.fail(field, `${number} is not known here`);
  return value;
}
