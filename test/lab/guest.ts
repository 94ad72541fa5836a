import { type LabHost, until } from "./lab.ts";
import { type Phone, type PhoneResponse, withNetworkOf } from "./swarm.ts";

/** A phone with no means but its own: it resolves names by the box, and follows links and forms as a person would. */
export class Guest {
  constructor(
    readonly phone: Phone,
    /** The address that every name has before consent. */
    readonly spoofed = "198.51.100.1",
  ) {}

  /** One request by host name, as the phone's own software would make it. */
  get(host: string, path: string, headers: Record<string, string> = {}): Promise<PhoneResponse> {
    return this.phone.request({ address: this.spoofed, host, path, headers, timeoutMs: 5_000 });
  }

  /** The portal's first page, and the form token in it. */
  async firstPage(language = "en"): Promise<{ page: PhoneResponse; token: string }> {
    const page = await this.get("omerta.internal", `/?lang=${language}`);
    return { page, token: /name="token" value="([^"]+)"/.exec(page.body)?.[1] ?? "" };
  }

  async post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<PhoneResponse> {
    return await this.phone.request({
      address: this.spoofed,
      host: "omerta.internal",
      method: "POST",
      path,
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      timeoutMs: 5_000,
    });
  }

  /** Reads the first page and taps the button. @returns the answer to the tap */
  async consent(language = "en"): Promise<PhoneResponse> {
    const { token } = await this.firstPage(language);
    return await this.post("/agree", { token, lang: language });
  }

  /** Asks to leave, and confirms. */
  async leave(): Promise<PhoneResponse> {
    const page = await this.get("omerta.internal", "/leave");
    const token = /name="token" value="([^"]+)"/.exec(page.body)?.[1] ?? "";
    return await this.post("/leave", { token, lang: "en" });
  }
}

/** How a TCP connection attempt of a phone ends: "open", "refused" (a reset) or "silent" (nothing within 1 s). */
export async function knock(
  phone: Phone,
  address: string,
  port: number,
): Promise<"open" | "refused" | "silent"> {
  try {
    await phone.connect(address, port, 1_000);
    return "open";
  } catch (error) {
    return error instanceof Error && "reason" in error && error.reason === "timeout" ? "silent" : "refused";
  }
}

/** Listens on every address of a host, answering each connection by closing it. @returns a function that ends it */
export function listenOn(host: LabHost, port: number): () => void {
  const socket = { open: (connection: { end(): void }) => connection.end(), data() {} };
  const listener = withNetworkOf(host, () => Bun.listen({ hostname: "::", port, socket }));
  return () => listener.stop(true);
}

/** Turns IPv6 on in a phone (the swarm keeps it off) and waits for an address by SLAAC that it may use. */
export async function speakIpv6(phone: Phone): Promise<void> {
  await phone.run([
    "sh",
    "-c",
    "for scope in all wlan0; do echo 0 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done",
  ]);
  await until("an address by SLAAC", async () => {
    const addresses = await phone.run(["ip", "-6", "addr"]);
    return addresses.includes("scope global") && !addresses.includes("tentative");
  });
}
