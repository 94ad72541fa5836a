import { create, equals } from "@bufbuild/protobuf";
import type { Timers } from "../../host/timers.ts";
import { RadioError } from "../radio.ts";
import { ConfigSchema, type LoraConfig, LoraConfigSchema, type QueueStatus } from "./proto/meshtastic_pb.ts";
import { resultOf } from "./routing-errors.ts";
import type { AdminRequest } from "./to-radio.ts";

/** What is on its way is let go first, for so long at most. */
const IDLE_MS = 30_000;
/** The firmware says within milliseconds that it has a request. */
const ANSWER_MS = 5_000;
/** Firmware starts itself anew 7 s after it has written its settings; some then says nothing that would tell. */
const RESTART_MS = 12_000;

export interface ChannelChangeOptions {
  timers: Timers;
  config: LoraConfig;
  /** Asks the radio itself. @returns the packet's id */
  request: (request: AdminRequest) => number;
  /** Calls back once nothing of ours is on its way; nothing more is handed over from now on. */
  quiet: (done: () => void) => void;
  /** A new handshake; {@link ChannelChange.verify} follows. */
  shakeHands: () => void;
  done: (error: RadioError | undefined) => void;
}

/** The parts that a change is about, as the firmware has them; what it adds of its own is not looked at. */
const asSet = ({ usePreset, modemPreset, ...rest }: LoraConfig): LoraConfig =>
  create(LoraConfigSchema, {
    usePreset,
    region: rest.region,
    txPower: rest.txPower,
    overrideFrequency: rest.overrideFrequency,
    ...(usePreset
      ? { modemPreset }
      : {
          bandwidth: rest.bandwidth,
          spreadingFactor: rest.spreadingFactor,
          codingRate: rest.codingRate,
        }),
  });

export const isSameChannel = (a: LoraConfig, b: LoraConfig): boolean =>
  equals(LoraConfigSchema, asSet(a), asSet(b));

/**
 * One change of the LoRa settings: begin, set, commit, then the firmware starts anew, and is asked for what it has made
 * of them.
 */
export class ChannelChange {
  private step: "quiet" | "asking" | "restarting" | "verifying" | "over" = "quiet";
  private awaited: { id: number; taken: () => void } | undefined;
  private callOff: () => void = () => {};

  constructor(private readonly options: ChannelChangeOptions) {}

  start(): void {
    const { timers, quiet } = this.options;
    const go = () => {
      if (this.step === "quiet") this.ask();
    };
    this.callOff = timers.after(IDLE_MS, go);
    quiet(go);
  }

  /** @returns whether it was about this */
  takeStatus(status: QueueStatus): boolean {
    const { awaited } = this;
    if (awaited?.id !== status.packetId) return false;
    this.awaited = undefined;
    const result = resultOf(status.result, status.free);
    if (result === "taken") awaited.taken();
    else
      this.end(
        new RadioError(
          "refused",
          `the radio takes no settings: ${result === "full" ? "full" : result.detail}`,
        ),
      );
    return true;
  }

  /** The firmware has begun anew. */
  restarted(): void {
    if (this.step === "restarting") this.shakeHands();
  }

  /** A handshake is complete. @param lora what the firmware has now */
  verify(lora: LoraConfig | undefined): void {
    if (this.step !== "verifying") return;
    const { config } = this.options;
    if (lora && isSameChannel(lora, config)) this.end(undefined);
    else
      this.end(new RadioError("refused", `the radio did not keep ${differences(config, lora).join(", ")}`));
  }

  fail(error: RadioError): void {
    if (this.step !== "over") this.end(error);
  }

  private ask(): void {
    this.step = "asking";
    const setConfig = create(ConfigSchema, { content: { case: "lora", value: this.options.config } });
    this.need({ case: "beginEdit", value: true }, () =>
      this.need({ case: "setConfig", value: setConfig }, () =>
        this.need({ case: "commitEdit", value: true }, () => this.awaitRestart()),
      ),
    );
  }

  private need(request: AdminRequest, taken: () => void): void {
    this.callOff();
    this.awaited = { id: this.options.request(request), taken };
    this.callOff = this.options.timers.after(ANSWER_MS, () =>
      this.end(new RadioError("no-answer", `the radio did not answer to ${request.case}`)),
    );
  }

  private awaitRestart(): void {
    this.callOff();
    this.step = "restarting";
    this.callOff = this.options.timers.after(RESTART_MS, () => this.shakeHands());
  }

  private shakeHands(): void {
    this.callOff();
    this.step = "verifying";
    this.options.shakeHands();
  }

  private end(error: RadioError | undefined): void {
    this.callOff();
    this.step = "over";
    this.options.done(error);
  }
}

function differences(wanted: LoraConfig, has: LoraConfig | undefined): string[] {
  if (!has) return ["it, as it seems: it does not tell its settings"];
  const [a, b] = [asSet(wanted), asSet(has)];
  const fields = [
    "region",
    "usePreset",
    "modemPreset",
    "bandwidth",
    "spreadingFactor",
    "codingRate",
  ] as const;
  return [...fields, "txPower" as const, "overrideFrequency" as const]
    .filter((field) => a[field] !== b[field])
    .map((field) => `${field}: ${a[field]} (it has ${b[field]})`);
}
