import type { Lab, LabHost } from "../lab/lab.ts";
import type { Phone, PhonePage, PhoneRequest } from "../lab/swarm.ts";

/** A captive portal gateway that is measured. */
export interface Subject {
  readonly name: string;
  /**
   * Starts it in a namespace that has an uplink already, ready for phones.
   * @returns the bridge in `host` that phones are plugged into.
   */
  start(lab: Lab, host: LabHost): Promise<string>;
  /** Gives a phone its address, as the gateway wants that to be done. */
  join(phone: Phone): Promise<unknown>;
  /** A phone's whole way from an http address somewhere to the full first page. @throws when it gets another page. */
  fetchPage(phone: Phone): Promise<PhonePage>;
  /** Does all that comes before consent. @returns the request whose sending is the consent. */
  consentRequest(phone: Phone): Promise<PhoneRequest>;
  /** Every process that belongs to it at this moment. */
  pids(): Promise<number[]>;
  stop(): Promise<void>;
}
