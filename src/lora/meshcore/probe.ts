import type { DriverContext } from "../driver.ts";
import type { Port } from "../port.ts";
import { deviceQuery } from "./commands.ts";
import { decodeAnswer, fromRadioRules } from "./decode-answer.ts";
import { encodeFrame, Framer } from "./frame.ts";

const TRIES = 2;
/** The firmware answers within milliseconds, unless it is just starting. */
const ANSWER_MS = 700;

/** Asks what device it is: `<`, two bytes of length, two bytes, which no other firmware takes for anything. */
export function probeMeshCore(port: Port, { timers }: DriverContext): Promise<boolean> {
  return new Promise((resolve) => {
    let callOff = () => {};
    const framer = new Framer({
      rules: fromRadioRules,
      onFrame: (content) => {
        if (decodeAnswer(content)?.kind === "device-info") end(true);
      },
    });
    const onData = (bytes: Uint8Array) => framer.push(bytes);
    const onClosed = () => end(false);
    const end = (isOne: boolean) => {
      callOff();
      port.off("data", onData);
      port.off("closed", onClosed);
      resolve(isOne);
    };
    const ask = (tries: number) => {
      framer.giveUp();
      if (tries === 0) return end(false);
      callOff = timers.after(ANSWER_MS, () => ask(tries - 1));
      port.write(encodeFrame(deviceQuery())).catch(() => end(false));
    };
    port.on("data", onData);
    port.on("closed", onClosed);
    ask(TRIES);
  });
}
