import { join } from "node:path";
import type { Config } from "../config/index.ts";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { Journal } from "../store/index.ts";
import { WifiPart } from "./air/index.ts";
import { BatmanPart } from "./batman/index.ts";
import { networkName } from "./plan/index.ts";

export interface ComposeRadiosOptions {
  config: Config;
  /** SHA-256 of the device key. */
  keyHash: Uint8Array;
  /** Of the network whose radios are joined, 32 bytes; undefined: the box is in none. */
  sharedKey: () => Uint8Array | undefined;
  /** Whether the box reaches the internet, for the mesh of radios. */
  wayOut: { isUsable(): boolean; onChange(listener: () => void): () => void };
  runFolder: string;
  timers: Timers;
  journal: Journal;
  log: Logger;
}

export interface ComposedRadios {
  wifi: WifiPart;
  /** undefined where the operator wants no mesh of radios. */
  batman: BatmanPart | undefined;
}

/** What batctl(8) takes for usual, in kbit/s. */
const USUAL_DOWN_KBIT = 10_000;
const USUAL_UP_KBIT = 2_000;

/** The radios, and the mesh over them. */
export function composeRadios(options: ComposeRadiosOptions): ComposedRadios {
  const { config, keyHash, sharedKey, wayOut, runFolder, timers, journal, log } = options;
  const { bridge, interfaces, uplink } = config.gateway;
  const wifi = new WifiPart({
    config: { ...config.wifi, ssid: networkName(config.wifi.ssid, config.box.name) },
    bridge,
    runFolder: join(runFolder, "wifi"),
    deviceHash: keyHash,
    ...{ sharedKey, timers, journal, log },
  });
  if (!config.wifi.mesh.enabled) return { wifi, batman: undefined };
  const rates = {
    downKbit: uplink.down_kbit || USUAL_DOWN_KBIT,
    upKbit: uplink.up_kbit || USUAL_UP_KBIT,
  };
  const batman = new BatmanPart({
    config: config.wifi.mesh,
    keyHash,
    meshInterfaces: wifi,
    guestPorts: [bridge, ...interfaces],
    gateway: {
      rates: () => (uplink.allow && wayOut.isUsable() ? rates : undefined),
      onChange: (listener) => wayOut.onChange(listener),
    },
    ...{ runFolder, timers, log },
  });
  return { wifi, batman };
}
