/** A network that was heard in a scan. */
export interface HeardNetwork {
  /** "" for one that hides its name. */
  ssid: string;
  /** `00:c0:ca:00:00:01`, lower case. */
  bssid: string;
  /** Of its primary channel. */
  frequencyMhz: number;
  signalDbm: number;
  /** In units of 1024 µs; undefined where the scan does not tell it. */
  beaconIntervalTu: number | undefined;
}
