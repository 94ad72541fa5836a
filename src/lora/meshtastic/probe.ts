import type { DriverContext } from "../driver.ts";
import type { Port } from "../port.ts";
import { Framer } from "./framer.ts";
import { fromRadioRules } from "./from-radio-rules.ts";
import { AFTER_WAKE_UP_MS, heartbeat, WAKE_UP, WITHOUT_NODES, wantConfig } from "./to-radio.ts";

/** Firmware before 2.3 does not answer a heartbeat: it is asked for its configuration then. */
const ASK_MORE_MS = 600;
const TIMEOUT_MS = 1_500;

/** Six bytes behind the wake-up bytes, which no other firmware takes for anything: no line ends in them, no frame begins. */
export function probeMeshtastic(port: Port, { timers }: DriverContext): Promise<boolean> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const answer = (isOne: boolean) => {
      port.off("data", hear);
      port.off("closed", gone);
      for (const stop of stops) stop();
      resolve(isOne);
    };
    const framer = new Framer({
      rules: fromRadioRules,
      onMessage: ({ content }) => {
        if (content.case !== undefined) answer(true);
      },
    });
    const hear = (bytes: Uint8Array) => framer.push(bytes);
    const gone = () => answer(false);
    const write = (bytes: Uint8Array) => {
      port.write(bytes).catch(gone);
    };
    port.on("data", hear);
    port.on("closed", gone);
    write(WAKE_UP);
    stops.push(timers.after(AFTER_WAKE_UP_MS, () => write(heartbeat())));
    stops.push(timers.after(ASK_MORE_MS, () => write(wantConfig(WITHOUT_NODES))));
    stops.push(
      timers.after(TIMEOUT_MS, () => {
        framer.settle();
        gone();
      }),
    );
  });
}
