import {
  type Admission,
  type AirOutlook,
  type Arrived,
  BUNDLE_PAYLOAD,
  type Link,
  type LinkAddress,
  type LinkMessage,
  type LoraPart,
  type Priority,
} from "../../lora/index.ts";

/** The most bytes of one frame of bundles: a longer bundle takes more air than it is worth. */
export const MAX_AIR_BYTES = 1_100;
/** What has not left by then is made anew from what is due. */
const LIFETIME_MS = 3_600_000;

export interface OutgoingFrame {
  bytes: Uint8Array;
  priority: Priority;
  /** Whoever has spoken last leaves the word to it. */
  isAnswer: boolean;
}

/** LoRa as a carrier of bundles sees it: everybody near hears all. */
export interface BundleAir {
  /** This box. */
  readonly address: LinkAddress;
  /** Of a frame's bytes; undefined while no radio is there. */
  outlook(): AirOutlook | undefined;
  /**
   * Hands one frame in.
   * @param ended called once, after this has returned: whether it has left
   * @returns takes it back, if it has not left; undefined where it was not taken on
   */
  send(frame: OutgoingFrame, ended: (hasLeft: boolean) => void): (() => void) | undefined;
  /** @returns ends it */
  onFrame(heard: (from: LinkAddress, frame: Uint8Array, snrDb: number | undefined) => void): () => void;
}

/** One link. */
export function airOfLink(link: Link): BundleAir {
  return {
    address: link.address,
    outlook: () => link.outlook && besideMark(link.outlook),
    send: (frame, ended) => handIn(frame, ended, (message, told) => link.submit(message, told)),
    onFrame(heard) {
      const listener = (arrived: Arrived) => onPayload(arrived, heard);
      link.on("message", listener);
      return () => link.off("message", listener);
    },
  };
}

/** All cases of this box: what is heard by any, and said by one that is there. */
export function airOfPart(
  part: Pick<LoraPart, "links" | "submit" | "on" | "off">,
  address: LinkAddress,
): BundleAir {
  return {
    address,
    outlook() {
      const outlook = part.links.find(({ isAttached }) => isAttached)?.outlook;
      return outlook && besideMark(outlook);
    },
    send: (frame, ended) => handIn(frame, ended, (message, told) => part.submit(message, told)),
    onFrame(heard) {
      const listener = (arrived: Arrived) => onPayload(arrived, heard);
      part.on("message", listener);
      return () => part.off("message", listener);
    },
  };
}

const besideMark = ({ frameBytes, airtimeMs, etaMs }: AirOutlook): AirOutlook => ({
  frameBytes: frameBytes - 1,
  airtimeMs: (bytes) => airtimeMs(bytes + 1),
  etaMs,
});

function handIn(
  { bytes, priority, isAnswer }: OutgoingFrame,
  ended: (hasLeft: boolean) => void,
  submit: (message: LinkMessage, told: Parameters<Link["submit"]>[1]) => Admission,
): (() => void) | undefined {
  const payload = new Uint8Array(bytes.length + 1);
  payload[0] = BUNDLE_PAYLOAD;
  payload.set(bytes, 1);
  const message: LinkMessage = {
    ...{ payload, priority, isAnswer },
    to: "everyone",
    lifetimeMs: LIFETIME_MS,
    isOnce: true,
  };
  const admission = submit(message, ({ state }) => {
    if (state === "on-air" || state === "failed") ended(state === "on-air");
  });
  return admission.accepted ? admission.cancel : undefined;
}

function onPayload(
  { payload, from, received }: Arrived,
  heard: (from: LinkAddress, frame: Uint8Array, snrDb: number | undefined) => void,
): void {
  if (payload[0] === BUNDLE_PAYLOAD) heard(from, payload.subarray(1), received.snrDb);
}
