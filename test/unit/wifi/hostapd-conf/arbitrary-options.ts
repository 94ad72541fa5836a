import fc from "fast-check";
import type {
  AccessList,
  BssOptions,
  HostapdOptions,
  Interworking,
  RadioOptions,
  Security,
} from "../../../../src/wifi/hostapd-conf/index.ts";
import {
  arbitraryBssid,
  arbitraryInterface,
  arbitraryPassphrase,
  arbitraryPsk,
  arbitrarySsid,
  some,
} from "../hostap-syntax/arbitrary-values.ts";
import { arbitraryRadio } from "./arbitrary-radio.ts";

const bool = fc.boolean();
const yes = fc.constant(true as const);
const groups = fc.shuffledSubarray([19, 20, 21], { minLength: 1 });
const groupRekeyS = fc.integer({ min: 0, max: 604_800 });
const password = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 24 })
  .filter((text) => !/\p{Cc}|\|(?:mac|vlanid|pk|id)=/u.test(text) && Buffer.byteLength(text) <= 128);
const passphrase = arbitraryPassphrase;
const sae = { groups, antiCloggingThreshold: fc.integer({ min: 0, max: 255 }), groupRekeyS };
const passwordElement = fc.constantFrom("hunting-and-pecking", "hash-to-element", "both");

const owe = fc.record({ kind: fc.constant("owe" as const), groups, groupRekeyS }, { requiredKeys: ["kind"] });
const wpa2 = {
  kind: fc.constant("wpa2" as const),
  sha256: yes,
  pmf: fc.constantFrom("optional", "required"),
  groupRekeyS,
};
const wpa3 = fc.constant("wpa3" as const);

/** IEEE 802.11-2020, 12.12.2. */
const security6Ghz: fc.Arbitrary<Security> = fc.oneof(
  owe,
  fc.record(
    { kind: wpa3, password, ...sae, passwordElement: fc.constant("hash-to-element" as const) },
    { requiredKeys: ["kind", "password", "passwordElement"] },
  ),
);

const security: fc.Arbitrary<Security> = fc.oneof(
  fc.constant({ kind: "open" as const }),
  owe,
  fc.record({ ...wpa2, passphrase }, { requiredKeys: ["kind", "passphrase"] }),
  fc.record({ ...wpa2, psk: arbitraryPsk }, { requiredKeys: ["kind", "psk"] }),
  fc.record({ kind: wpa3, password, ...sae, passwordElement }, { requiredKeys: ["kind", "password"] }),
  fc.record(
    {
      kind: fc.constant("wpa2-wpa3" as const),
      passphrase,
      password,
      pmf: fc.constant("required" as const),
      sha256: yes,
      ...sae,
      passwordElement,
    },
    { requiredKeys: ["kind", "passphrase"] },
  ),
);

const url = fc
  .string({ unit: fc.constantFrom("a", "é", "/", "?", "=", "%", "&"), maxLength: 40 })
  .map((path) => encodeURI(`https://box.example/${path}`));
const interworking: fc.Arbitrary<Interworking> = fc
  .tuple(
    some<Interworking>({
      accessNetworkType: fc.integer({ min: 0, max: 15 }),
      internet: bool,
      additionalStep: bool,
      emergencyServices: bool,
      unauthenticatedEmergency: bool,
      hessid: arbitraryBssid,
      venue: fc.record({ group: fc.integer({ min: 0, max: 11 }), type: fc.integer({ min: 0, max: 15 }) }),
      venueNames: fc.array(
        fc.record({
          language: fc.constantFrom("en", "uk", "ara"),
          name: fc
            .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
            .filter((text) => !/\p{Cc}/u.test(text)),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      networkAuthentication: fc.constant({ kind: "terms" as const }),
    }),
    fc.oneof(
      fc.record({ kind: fc.constantFrom("terms", "enrolment", "dns-redirect") }),
      fc.record({ kind: fc.constantFrom("terms", "http-redirect"), url }),
    ),
  )
  .map(([options, step]) =>
    options.networkAuthentication === undefined
      ? options
      : { ...options, additionalStep: true, networkAuthentication: step },
  );

export interface ListFiles {
  acceptFile: string;
  denyFile: string;
}

/** A network without name and address, and whatever else needs others. */
function bssWith(security: fc.Arbitrary<Security>): fc.Arbitrary<BssOptions> {
  return fc.record(
    {
      interface: fc.constant(""),
      ssid: arbitrarySsid,
      security,
      bridge: fc.constant("br-guests"),
      controlDirectory: fc.constant("/run/hostapd"),
      controlGroupId: fc.integer({ min: 0, max: 1000 }),
      hidden: fc.constantFrom("empty", "zeroed"),
      maxStations: fc.integer({ min: 1, max: 2007 }),
      silentWhenFull: bool,
      isolate: bool,
      proxyArp: bool,
      multicastToUnicast: bool,
      dtimPeriod: fc.integer({ min: 1, max: 255 }),
      wmm: bool,
      uapsd: bool,
      disassociateOnLowAck: bool,
      maxInactivityS: fc.integer({ min: 1, max: 65_535 }),
      skipInactivityPoll: bool,
      bssTransition: bool,
      neighbourReports: bool,
      acl: fc.constantFrom<AccessList[]>(
        { policy: "accept-unless-denied", denyFile: "" },
        { policy: "deny-unless-accepted", acceptFile: "" },
      ),
      interworking,
    },
    { requiredKeys: ["interface", "ssid", "security"] },
  );
}

const anyBss = bssWith(security);
const bss6Ghz = bssWith(security6Ghz);

/** Mends what does not go together. */
function mended(bss: BssOptions, radio: RadioOptions, files: ListFiles): BssOptions {
  const fixed = { ...bss };
  if (bss.wmm === false && (radio.ht ?? radio.he) !== undefined) fixed.wmm = true;
  if (fixed.wmm !== true) delete fixed.uapsd;
  if (bss.controlDirectory === undefined) delete fixed.controlGroupId;
  if (bss.isolate !== true || bss.bridge === undefined) delete fixed.proxyArp;
  if (bss.maxStations === undefined) delete fixed.silentWhenFull;
  if (bss.acl !== undefined)
    fixed.acl =
      bss.acl.policy === "accept-unless-denied"
        ? { policy: bss.acl.policy, denyFile: files.denyFile }
        : { policy: bss.acl.policy, acceptFile: files.acceptFile };
  return fixed;
}

/** Some networks become pairs of an open one and an OWE one, pointing at each other by interface or by name. */
function paired(options: HostapdOptions, byInterface: boolean): HostapdOptions {
  const [open, owe, ...rest] = options.bss;
  if (open?.bssid === undefined || owe?.bssid === undefined || options.radio.channel.band === "6GHz")
    return options;
  const { hidden: _, ...seen } = open;
  const directory = { controlDirectory: "/run/hostapd" };
  const at = ({ interface: name, bssid = "", ssid }: BssOptions) =>
    byInterface ? { interface: name } : { ssid, bssid };
  const names = { open: { ...open, ssid: "open" }, owe: { ...owe, ssid: "owe" } };
  return {
    ...options,
    bss: [
      { ...seen, ...directory, ssid: "open", security: { kind: "open", transition: at(names.owe) } },
      {
        ...owe,
        ...directory,
        ssid: "owe",
        hidden: "empty",
        security: { kind: "owe", transition: at(names.open) },
      },
      ...rest,
    ],
  };
}

const names = fc.uniqueArray(arbitraryInterface, { minLength: 1, maxLength: 3 });
const bssids = fc.uniqueArray(arbitraryBssid, { minLength: 3, maxLength: 3 });

/** Everything that hostapd is to take, every option of it somewhere. */
export function arbitraryOptions(
  files: ListFiles = { acceptFile: "/run/accept", denyFile: "/run/deny" },
): fc.Arbitrary<HostapdOptions> {
  const options = arbitraryRadio.chain((radio) => {
    const bss = radio.channel.band === "6GHz" ? bss6Ghz : anyBss;
    return fc.tuple(names, bssids, bool, fc.tuple(bss, bss, bss)).map(([names, bssids, firstToo, all]) => ({
      radio,
      bss: all.slice(0, names.length).map((each, index) => ({
        ...mended(each, radio, files),
        interface: names[index] ?? "",
        ...(index > 0 || firstToo ? { bssid: bssids[index] ?? "" } : {}),
      })),
    }));
  });
  return fc.tuple(options, fc.constantFrom("no", "interface", "name")).map(([plain, pair]) => {
    return pair === "no" ? plain : paired(plain, pair === "interface");
  });
}
