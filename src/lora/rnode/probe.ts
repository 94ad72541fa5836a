import type { DriverContext } from "../driver.ts";
import type { Port } from "../port.ts";
import { COMMAND, DETECT_REQUEST } from "./commands.ts";
import { isDetected } from "./handshake.ts";
import { KissDecoder, kissFrame } from "./kiss.ts";

/** The line may begin in the middle of something, so the question is asked twice. */
const ASKED_AT_MS = [0, 500];
const TIMEOUT_MS = 1_200;

/**
 * Four bytes that mean nothing to any other firmware and end no line of an AT command. A module in transparent mode
 * would send them on the air, as anything that it is given.
 */
export function isRnode(port: Port, { timers }: DriverContext): Promise<boolean> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const answer = (isOne: boolean) => {
      port.off("data", hear);
      port.off("closed", gone);
      for (const stop of stops) stop();
      resolve(isOne);
    };
    const decoder = new KissDecoder(8, (frame) => {
      if (isDetected(frame)) answer(true);
    });
    const hear = (bytes: Uint8Array) => decoder.push(bytes);
    const gone = () => answer(false);
    port.on("data", hear);
    port.on("closed", gone);
    const ask = () => {
      port.write(kissFrame(COMMAND.DETECT, [DETECT_REQUEST])).catch(gone);
    };
    for (const ms of ASKED_AT_MS) stops.push(timers.after(ms, ask));
    stops.push(timers.after(TIMEOUT_MS, gone));
  });
}
