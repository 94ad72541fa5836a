import type { Answer, Contact, DeviceInfo, SelfInfo } from "./answers.ts";
import { STATS } from "./codes.ts";
import type { Command } from "./command-queue.ts";
import * as commands from "./commands.ts";

type Kind = Answer["kind"];
type AnswerOf<K extends Kind> = Extract<Answer, { kind: K }>;

/** A command that ends with the first answer of one of these kinds. */
function asks<K extends Kind>(name: string, frame: Uint8Array, ...kinds: readonly K[]): Command<AnswerOf<K>> {
  const isOne = (answer: Answer): answer is AnswerOf<K> => kinds.some((kind) => kind === answer.kind);
  return { name, frame, take: (answer) => (isOne(answer) ? { result: answer } : undefined) };
}

const picked = <A, T>({ name, frame, take }: Command<A>, pick: (answer: A) => T): Command<T> => ({
  name,
  frame,
  take: (answer) => {
    const taken = take(answer);
    return typeof taken === "object" ? { result: pick(taken.result) } : taken;
  },
});

/** A radio that starts when its line is opened takes half a second or more until it listens. */
const DEVICE_REPEAT_MS = 500;

/**
 * Only this question has this answer: it tells where the firmware is after one that was not answered, and may be asked
 * again and again.
 */
export const askDevice = (): Command<DeviceInfo> => ({
  ...picked(asks("ask for the device", commands.deviceQuery(), "device-info"), ({ device }) => device),
  repeatMs: DEVICE_REPEAT_MS,
});

export const askSelf = (): Command<SelfInfo> =>
  picked(asks("ask for this node", commands.appStart(), "self-info"), ({ self }) => self);

/** Seconds since 1970 by the radio's clock, which may be wrong. */
export const askTime = (): Command<number> =>
  picked(asks("ask for the time", commands.getDeviceTime(), "current-time"), ({ seconds }) => seconds);

/** In mV. */
export const askBattery = (): Command<number> =>
  picked(asks("ask for the battery", commands.getBattery(), "battery"), ({ milliVolts }) => milliVolts);

export const askRadioStats = () => asks("ask for airtime", commands.getStats(STATS.radio), "radio-stats");

export const askCoreStats = () => asks("ask for the queue", commands.getStats(STATS.core), "core-stats");

export const askMessage = () =>
  asks(
    "ask for a message",
    commands.syncNextMessage(),
    "contact-message",
    "channel-message",
    "channel-data",
    "no-more-messages",
  );

/**
 * Ends when there are no more.
 * @param sinceSeconds by the radio's clock: only those that have changed later
 * @param onContact each as it comes: a long list takes seconds on the line
 */
export const askContacts = (sinceSeconds: number, onContact: (contact: Contact) => void): Command<true> => ({
  name: "ask for contacts",
  frame: commands.getContacts(sinceSeconds),
  take: (answer) => {
    if (answer.kind === "end-of-contacts") return { result: true };
    if (answer.kind === "contact") onContact(answer.contact);
    return answer.kind === "contact" || answer.kind === "contacts-start" ? "more" : undefined;
  },
});

/** A command that is answered by `ok`, or by an error. */
export const order = (name: string, frame: Uint8Array): Command<true> =>
  picked(asks(name, frame, "ok"), () => true);
