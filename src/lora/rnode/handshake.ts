import type { ChannelSettings } from "../modulation.ts";
import { RadioError } from "../radio.ts";
import { COMMAND, DETECT_REQUEST, DETECT_RESPONSE, platformName } from "./commands.ts";
import type { Exchange } from "./exchange.ts";
import type { KissFrame } from "./kiss.ts";
import { askFrame, isAbout, type Setting, setFrame, settingsOf, verify } from "./settings.ts";

/** It may start just now: boards with an ESP32 do when the line is opened. */
const DETECT = { timeoutMs: 250, repeats: 20 };
const ANSWER_MS = 700;
/** Starting the radio blinks a lamp on some boards first. */
const START_MS = 2_000;
/** What Reticulum asks for too (RNodeInterface, REQUIRED_FW_VER). */
const OLDEST = { major: 1, minor: 52 };

export interface RnodeIdentity {
  /** `1.86`. */
  version: string;
  /** The board's processor. */
  hardware: string;
}

/** @throws {RadioError} `no-answer`; `unsupported`: firmware before 1.52 */
export async function shakeHands(exchange: Exchange): Promise<RnodeIdentity> {
  await exchange.ask({
    about: "detect",
    frame: { command: COMMAND.DETECT, payload: Uint8Array.of(DETECT_REQUEST) },
    isAnswer: isDetected,
    ...DETECT,
  });
  const [major = 0, minor = 0] = await told(exchange, COMMAND.FIRMWARE_VERSION, 2, "firmware version");
  const version = `${major}.${minor}`;
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
    throw new RadioError(
      "unsupported",
      `firmware ${version}: at least ${OLDEST.major}.${OLDEST.minor} is needed`,
    );
  }
  const [platform = 0] = await told(exchange, COMMAND.PLATFORM, 1, "platform");
  return { version, hardware: platformName(platform) };
}

export const isDetected = ({ command, payload }: KissFrame): boolean =>
  command === COMMAND.DETECT && payload.length === 1 && payload[0] === DETECT_RESPONSE;

/**
 * Sets all while the radio is off, and believes only what it says once it is on: the chip may round.
 * @throws {RadioError} `refused`, with the field named, or when the radio does not start; `no-answer`
 */
export async function tune(exchange: Exchange, channel: ChannelSettings): Promise<void> {
  const settings = settingsOf(channel);
  await switchOff(exchange);
  for (const setting of settings) await exchangeSetting(exchange, setting, setFrame(setting));
  await switchOn(exchange);
  for (const setting of settings) await exchangeSetting(exchange, setting, askFrame(setting));
}

async function told(exchange: Exchange, command: number, bytes: number, about: string): Promise<Uint8Array> {
  const { payload } = await exchange.ask({
    about,
    frame: { command, payload: Uint8Array.of(0) },
    isAnswer: (frame) => frame.command === command && frame.payload.length === bytes,
    timeoutMs: ANSWER_MS,
  });
  return payload;
}

async function exchangeSetting(exchange: Exchange, setting: Setting, frame: KissFrame): Promise<void> {
  const answer = await exchange.ask({
    about: setting.field,
    frame,
    isAnswer: (heard) => isAbout(setting, heard),
    timeoutMs: ANSWER_MS,
  });
  verify(setting, answer);
}

/** Off is done when the firmware says so: what it says of a radio that is on answers something else. */
async function switchOff(exchange: Exchange): Promise<void> {
  await exchange.ask({ ...stateQuestion(0), isAnswer: (frame) => isState(frame) && frame.payload[0] === 0 });
}

/** It is asked twice: the first answer may be a late one, of the radio that was switched off. */
async function switchOn(exchange: Exchange): Promise<void> {
  for (let tries = 2; tries > 0; tries--) {
    const { payload } = await exchange.ask({ ...stateQuestion(1), isAnswer: isState });
    if (payload[0] === 1) return;
  }
  throw new RadioError("refused", "the radio does not start");
}

const isState = ({ command, payload }: KissFrame): boolean =>
  command === COMMAND.RADIO_STATE && payload.length === 1;

const stateQuestion = (state: 0 | 1) => ({
  about: state === 1 ? "radio on" : "radio off",
  frame: { command: COMMAND.RADIO_STATE, payload: Uint8Array.of(state) },
  timeoutMs: START_MS,
});
