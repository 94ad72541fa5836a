import { isIP, isIPv4 } from "node:net";
import { z } from "zod";
import { interfaceName, text } from "./fields.ts";
import { mesh } from "./mesh-schema.ts";
import { messages } from "./messages-schema.ts";
import { time } from "./time-schema.ts";
import { update } from "./update-schema.ts";
import { uplinks } from "./uplinks-schema.ts";
import { vm } from "./vm-schema.ts";
import { wifi } from "./wifi-schema.ts";

/** A DNS name (RFC 1123), lower case, with at least one dot. */
const dnsName = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
  .meta({ format: "a DNS name in lower case with a dot in it" });

const subnet = z
  .string()
  .refine(isGuestSubnet)
  .meta({ format: '"auto", or a private IPv4 network such as "10.20.0.0/20"' });

/** Private space of RFC 1918 with its network address, a prefix of 16 to 26 bits. */
function isGuestSubnet(value: string): boolean {
  if (value === "auto") return true;
  const [address = "", length = "", ...rest] = value.split("/");
  if (rest.length > 0 || !isIPv4(address) || !/^(1[6-9]|2[0-6])$/.test(length)) return false;
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  const bits = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168);
  return isPrivate && (bits & (2 ** (32 - Number(length)) - 1)) === 0;
}

const listenAddress = z
  .string()
  .refine(isListenAddress)
  .meta({ format: 'an address and a port such as "192.168.7.1:8090" or "[fd00::1]:8090"' });

function isListenAddress(value: string): boolean {
  const [, v4 = "", v6 = "", port = ""] = /^(?:([\d.]+)|\[([0-9a-fA-F:.]+)\]):(\d{1,5})$/.exec(value) ?? [];
  return isIP(v4 === "" ? v6 : v4) === (v4 === "" ? 6 : 4) && Number(port) >= 1 && Number(port) <= 65_535;
}

const box = z
  .strictObject({
    name: text(60).min(1).default("Omerta Box").describe("what this network is called, as guests see it"),
    operator: text(120).default("").describe("who runs this box, in a few words that guests know"),
    contact: text(120)
      .default("")
      .describe("how to reach who runs it: a place, a radio channel, a telephone number"),
  })
  .prefault({})
  .describe("The box and the people who run it.");

const portal = z
  .strictObject({
    welcome: text(600).default("").describe("a sentence of welcome, shown as it is in every language"),
    notices: z
      .array(text(400).min(1))
      .max(5)
      .default([])
      .describe("up to five short notices, most important first, shown on the first page"),
    accent: z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/)
      .default("#0b6b57")
      .describe('the colour of buttons and links as "#rrggbb"; kept readable in light and dark'),
  })
  .prefault({})
  .describe("What guests read on the portal besides its own words.");

const online = z
  .strictObject({
    with_uplink: z
      .boolean()
      .default(true)
      .describe(
        "let a guest's phone find the internet by itself once its owner has agreed; false keeps the names of the phones' probes from resolving, and with them some sites such as www.google.com",
      ),
    without_uplink: z
      .boolean()
      .default(true)
      .describe(
        "tell a phone that it is online although there is no internet: it stays connected, but it may stop using mobile data",
      ),
  })
  .prefault({})
  .describe(
    "Whether a phone whose owner has agreed is told that it is online. The portal says so in one line.",
  );

const uplink = z
  .strictObject({
    interface: interfaceName
      .or(z.literal(""))
      .default("")
      .describe('the interface towards the internet, or "" for none'),
    allow: z
      .boolean()
      .default(false)
      .describe(
        "guests who have agreed may use the internet through it, and through all other ways to the internet",
      ),
    block_private: z
      .boolean()
      .default(true)
      .describe(
        "guests may not reach private networks behind the uplink (RFC 1918, RFC 4193 and link-local addresses)",
      ),
    up_kbit: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(0)
      .describe("what the uplink carries away, in kbit/s; 0: not shaped"),
    down_kbit: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(0)
      .describe("what the uplink brings, in kbit/s; 0: not shaped"),
  })
  .prefault({})
  .describe("The way to the internet, where there is one.");

const tls = z
  .strictObject({
    host: dnsName.or(z.literal("")).default("").describe("the public name that the certificate is for"),
    certificate: text(4096).default("").describe("path of the certificate chain (PEM)"),
    key: text(4096).default("").describe("path of its private key (PEM)"),
  })
  .prefault({})
  .describe(
    "A certificate lets phones find the portal by RFC 8910 and RFC 8908 rather than by their probes alone.",
  );

const loraPort = z
  .string()
  .max(200)
  .regex(/^(\/[A-Za-z0-9._:/-]+|tcp:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5})$/)
  .meta({ format: 'the path of a serial line, or "tcp://address:port"' });

/** What guests' traffic is already led to, or must never reach. */
const RESERVED_PORTS = [53, 67, 80, 443, 547, 5300, 8080, 8090, 8443];

/** TCP ports of the guests' side that stand for services of other boxes, one each; below those that the kernel gives out by itself (net.ipv4.ip_local_port_range). */
export const FAR_PORTS = { first: 24_600, last: 24_699 } as const;
const isFarPort = (port: number) => port >= FAR_PORTS.first && port <= FAR_PORTS.last;

const service = z.strictObject({
  name: text(40).min(1).describe("what the button on the portal says"),
  description: text(120).default("").describe("one line under it"),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .refine((port) => !RESERVED_PORTS.includes(port) && !isFarPort(port))
    .meta({ examples: [8081] })
    .describe(
      `the port on the box, opened to guests who have agreed; not ${RESERVED_PORTS.join(", ")}, nor ${FAR_PORTS.first} to ${FAR_PORTS.last}`,
    ),
  protocol: z.enum(["tcp", "udp"]).default("tcp").describe("its transport"),
  path: z
    .string()
    .max(200)
    .regex(/^\/[A-Za-z0-9._~/-]*$/)
    .default("/")
    .describe("the path on the box where the button leads, such as /library/"),
});

const limits = z
  .strictObject({
    connections: z
      .int()
      .min(4)
      .max(65_535)
      .default(64)
      .describe("connections to the portal that one guest may hold open at a time"),
    connections_per_second: z
      .int()
      .min(1)
      .max(100_000)
      .default(60)
      .describe(
        "new connections to the portal that one guest may make in a second, with bursts of four times as many",
      ),
    guest_connections: z
      .int()
      .min(16)
      .max(65_535)
      .default(1024)
      .describe("connections through the uplink that one guest may hold open at a time"),
    dns_per_second: z
      .int()
      .min(1)
      .max(100_000)
      .default(50)
      .describe("DNS queries that one guest may send in a second, with bursts of four times as many"),
    newcomers_per_second: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe(
        "stations never seen before that may ask for an address in a second, with bursts of sixty times as many",
      ),
  })
  .prefault({})
  .describe("What one guest may take of the box, so that the others stay served.");

const gateway = z
  .strictObject({
    interfaces: z
      .array(interfaceName)
      .max(16)
      .default([])
      .describe("interfaces that become ports of the guest network"),
    bridge: interfaceName.default("br-guest").describe("the name of the guest network's bridge"),
    name: dnsName.default("omerta.internal").describe("the name under which guests find the portal again"),
    subnet: subnet
      .default("auto")
      .describe(
        'the guest network: "auto" derives one from the device key, or a private IPv4 network such as "10.20.0.0/20"',
      ),
    lease_minutes: z.int().min(2).max(1440).default(10).describe("how long a DHCP lease lasts"),
    consent_minutes: z
      .int()
      .min(1)
      .max(43_200)
      .default(1440)
      .describe("how long an agreement lasts before the portal asks again"),
    roaming: z
      .boolean()
      .default(true)
      .describe(
        "tell the other boxes of this box's networks who has agreed, by a keyed hash of the station's address, and let in without asking who has agreed at one of them",
      ),
    far_services: z
      .boolean()
      .default(true)
      .describe(
        `guests who have agreed reach the services of the other boxes of this box's networks, at this box's ports ${FAR_PORTS.first} to ${FAR_PORTS.last}, and the guests of those boxes the services of this one; only what speaks TCP`,
      ),
    guest_to_guest: z.boolean().default(false).describe("guests may reach each other directly"),
    guest_rate_kbit: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(8000)
      .describe("the most that one guest may send, and receive, through the uplink, in kbit/s; 0: no limit"),
    limits,
    online,
    uplink,
    tls,
    services: z
      .array(service)
      .max(20)
      .default([])
      .describe("Community services on this box; each is a large button on the portal."),
  })
  .prefault({})
  .describe("The guest network.");

/** Where the operator's page is on wires. */
export const CONSOLE_PORT = 8_090;

const management = z
  .strictObject({
    listen: z
      .array(listenAddress)
      .max(8)
      .default(["127.0.0.1:8090"])
      .describe("addresses and ports of the operator's page; never one of the guest network"),
    wires: z
      .boolean()
      .default(true)
      .describe(
        `let it be reached from wired networks too, at port ${CONSOLE_PORT} of the box's private addresses there; never from the guest network`,
      ),
    sign_in: z
      .boolean()
      .default(true)
      .describe(
        "only the operator sees it: whoever has claimed the box with its code, and then has the password; false: everybody who reaches it",
      ),
  })
  .prefault({})
  .describe("The operator's side.");

/** Regions whose limits on airtime the box knows (src/lora/airtime/regions.ts), by the names that LoRa firmware uses. */
const LORA_REGIONS = [
  "EU868",
  "EU433",
  "US915",
  "BR902",
  "AU915",
  "NZ865",
  "IN865",
  "JP920",
  "KR920",
  "CN470",
  "RU864",
  "UA433",
  "KZ433",
  "NZ915",
  "NP865",
  "MY919",
  "SG923",
  "TH920",
  "TW920",
  "PH915",
] as const;

const lora = z
  .strictObject({
    enabled: z.boolean().default(true).describe("look for LoRa cases and use them"),
    region: z
      .enum(["", ...LORA_REGIONS])
      .default("")
      .describe('whose limits on airtime and power hold; "": the box listens and sends nothing'),
    frequency_khz: z
      .int()
      .min(0)
      .max(2_500_000)
      .default(0)
      .describe(
        "the middle of the channel in kHz, for cases that leave it to the box; 0: the region's usual one",
      ),
    preset: z
      .enum(["LongFast", "MediumFast", "ShortTurbo"])
      .default("LongFast")
      .describe("far and slow, or near and fast; all boxes and cases of a place must use the same"),
    power_dbm: z.int().min(-9).max(30).default(14).describe("the power at the antenna's connector"),
    sos_reserve_percent: z
      .int()
      .min(0)
      .max(90)
      .default(20)
      .describe("how much of the airtime that the law leaves is kept for an SOS"),
    ports: z
      .array(loraPort)
      .max(8)
      .default([])
      .describe(
        'cases that the box does not find by itself, such as "/dev/ttyAMA0" or, by network, "tcp://192.168.7.20:4403"',
      ),
  })
  .prefault({})
  .describe("LoRa cases: radios that reach far and carry little.");

const log = z
  .strictObject({
    level: z.enum(["error", "warn", "info", "debug"]).default("info").describe("how much is logged"),
    journal_entries: z
      .int()
      .min(1000)
      .max(10_000_000)
      .default(100_000)
      .describe("how many journal entries are kept; the oldest go first"),
  })
  .prefault({})
  .describe("What is written down.");

/** The whole of `omerta.toml`. Every key has a default, so an empty file is a valid one. */
export const configSchema = z
  .strictObject({
    box,
    portal,
    gateway,
    uplinks,
    wifi,
    lora,
    mesh,
    messages,
    vm,
    update,
    time,
    management,
    log,
  })
  .superRefine(({ box, portal, gateway, uplinks, mesh, management }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    const { bridge, interfaces, uplink, services } = gateway;
    if (uplink.interface !== "" && [bridge, ...interfaces].includes(uplink.interface)) {
      refuse(["gateway", "uplink", "interface"], "an interface that is not of the guest network");
    }
    for (const [index, { interface: name }] of mesh.traffic.uplinks.entries()) {
      if (![bridge, ...interfaces].includes(name)) continue;
      refuse(
        ["mesh", "traffic", "uplinks", index, "interface"],
        "an interface that is not of the guest network",
      );
    }
    for (const [index, { interface: name }] of uplinks.links.entries()) {
      if (![bridge, ...interfaces].includes(name)) continue;
      refuse(["uplinks", "links", index, "interface"], "an interface that is not of the guest network");
    }
    if (interfaces.includes(bridge))
      refuse(["gateway", "bridge"], "a name that is not one of gateway.interfaces");
    const managed = management.listen.map((text) => Number(text.slice(text.lastIndexOf(":") + 1)));
    for (const [index, port] of managed.entries()) {
      if (!isFarPort(port)) continue;
      const allowed = `a port that is not one of ${FAR_PORTS.first} to ${FAR_PORTS.last}, which are open to guests`;
      refuse(["management", "listen", index], allowed);
    }
    for (const [index, { port }] of services.entries()) {
      if (managed.includes(port)) {
        refuse(
          ["gateway", "services", index, "port"],
          "a port that is not the operator's page's (management.listen)",
        );
      }
    }
    const texts = [box.name, box.name, box.operator, box.contact, portal.welcome, ...portal.notices];
    const all = [...texts, ...gateway.services.map((service) => service.name)];
    const bytes = all.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (bytes <= MAX_TEXT_BYTES) return;
    const longest = portal.notices.length > 0 ? "notices" : "welcome";
    refuse(
      ["portal", longest],
      `less: all that the operator puts on the first page may have ${MAX_TEXT_BYTES} bytes together, so that it fits into one round trip; it has ${bytes} (letters of many scripts have two or three)`,
    );
  });

/** The page of the longest language and this stay within ten packets, the initial window of TCP (RFC 6928). */
const MAX_TEXT_BYTES = 5_000;

export type Config = z.output<typeof configSchema>;
export type ServiceConfig = z.output<typeof service>;

/** The configuration of a box that was told nothing. */
export const defaultConfig = (): Config => configSchema.parse({}, { jitless: true });
