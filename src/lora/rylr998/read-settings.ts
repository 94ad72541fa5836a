import { RadioError } from "../radio.ts";
import { asks, valueIn } from "./at-commands.ts";
import type { AtQueue } from "./at-queue.ts";
import { asRadioError } from "./errors.ts";
import { type ModuleSettings, modulationOf } from "./settings.ts";

const NAMES = ["VER", "ADDRESS", "NETWORKID", "BAND", "PARAMETER", "CRFOP"];
/** The first command may end a line that somebody else has begun, or come while the module starts. */
const FIRST_TRIES = 3;

/** Asks the module for all that it is set to. */
export function readSettings(
  queue: AtQueue,
  done: (settings: ModuleSettings) => void,
  giveUp: (error: RadioError) => void,
): void {
  const values: string[] = [];
  const ask = (tries: number) => {
    const name = NAMES[values.length];
    if (name === undefined) {
      const settings = settingsOf(values);
      if (settings) done(settings);
      else giveUp(new RadioError("unsupported", `settings that make no sense: ${values.join("; ")}`));
      return;
    }
    queue.run(asks(name), (answer) => {
      if ("line" in answer) {
        values.push(valueIn(answer.line));
        ask(1);
      } else if (tries > 1) ask(tries - 1);
      else giveUp(asRadioError(answer.error));
    });
  };
  ask(FIRST_TRIES);
}

function settingsOf(values: readonly string[]): ModuleSettings | undefined {
  const [version = "", address, networkId, frequencyHz, parameter = "", powerDbm] = values;
  const modulation = modulationOf(parameter);
  const numbers = [address, networkId, frequencyHz, powerDbm].map((value) =>
    value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN,
  );
  const [own = 0, network = 0, hz = 0, dbm = 0] = numbers;
  if (!modulation || numbers.some(Number.isNaN)) return undefined;
  return {
    version,
    address: own,
    networkId: network,
    channel: { frequencyHz: hz, modulation, powerDbm: dbm },
  };
}
