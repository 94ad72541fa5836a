import { run } from "../../src/host/run.ts";
import { type LabBox, startBox } from "../lab/box.ts";
import type { Lab, LabHost } from "../lab/lab.ts";
import type { Phone, PhonePage, PhoneRequest } from "../lab/swarm.ts";
import { UPLINK } from "../lab/world.ts";
import { lookUpFrom } from "./dns-query.ts";
import type { Subject } from "./subject.ts";

/** Any address: the box takes port 80 of all of them. */
const FIRST_URL = "http://198.51.100.7/";

/**
 * The limits that one guest has are lifted: 250 phones of the lab do the work of thousands, and one phone alone more than
 * any person. Their rules are still gone through. The lab's phones do not renew their leases.
 */
const CONFIG = `
[gateway]
lease_minutes = 120
[gateway.uplink]
interface = "${UPLINK}"
allow = true
[gateway.limits]
connections = 65535
connections_per_second = 100000
dns_per_second = 100000
newcomers_per_second = 1000
`;

/** The box itself, in device mode. */
export class BoxSubject implements Subject {
  readonly name = "Omerta Box";
  private box: LabBox | undefined;

  async start(lab: Lab, host: LabHost): Promise<string> {
    this.box = await startBox(lab, "ours", { host, config: CONFIG });
    return this.box.bridge;
  }

  join(phone: Phone): Promise<unknown> {
    return phone.dhcp();
  }

  /** 302 to the portal's name, a question to the box's DNS, and the page. */
  async fetchPage(phone: Phone): Promise<PhonePage> {
    const resolver = this.started.address;
    const page = await phone.openPage(FIRST_URL, { resolve: (name) => lookUpFrom(phone, name, resolver) });
    if (page.response.status !== 200 || formToken(page) === undefined)
      throw new Error(`${this.name} gave ${page.response.status}: ${page.response.body.slice(0, 300)}`);
    return page;
  }

  async consentRequest(phone: Phone): Promise<PhoneRequest> {
    const page = await this.fetchPage(phone);
    const token = formToken(page) ?? "";
    return {
      ...page.request,
      method: "POST",
      path: "/agree",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ token, lang: "en" }).toString(),
    };
  }

  async pids(): Promise<number[]> {
    const listed = await run(["ip", "netns", "pids", this.started.host.name]);
    return listed.split("\n").filter(Boolean).map(Number);
  }

  async stop(): Promise<void> {
    await this.box?.stop();
  }

  private get started(): LabBox {
    if (this.box === undefined) throw new Error("the box is not started");
    return this.box;
  }
}

function formToken({ response }: PhonePage): string | undefined {
  return /name="token" value="([^"]+)"/.exec(response.body)?.[1];
}
