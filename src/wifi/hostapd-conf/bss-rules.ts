import { type ConfProblem, filePath, isLocallyAdministered, rowProblems } from "../hostap-syntax/index.ts";
import { ACL_ROWS } from "./acl-lines.ts";
import { BSS_ROWS, INTERFACE_ROW, SSID_ROW } from "./bss-rows.ts";
import { MAX_BSS } from "./file-sections.ts";
import { INTERWORKING_ROWS, LANGUAGE, URL_TEXT, VENUE_NAME, VENUE_ROWS } from "./interworking-lines.ts";
import type { BssOptions, HostapdOptions, Interworking, RadioOptions, Security } from "./options.ts";
import { OWE_ROWS, TRANSITION_ROWS, WPA2_ROWS, WPA2_WPA3_ROWS, WPA3_ROWS } from "./security-rows.ts";

/** What is wrong with the networks of a radio, each and beside one another; the transition to OWE apart. */
export function* bssProblems({ radio, bss: all }: HostapdOptions): Generator<ConfProblem> {
  if (all.length === 0 || all.length > MAX_BSS)
    yield { field: "bss", why: `${all.length} networks are not 1 to ${MAX_BSS}` };
  for (const [index, bss] of all.entries()) {
    const where = `bss[${index}]`;
    yield* rowProblems(bss, [INTERFACE_ROW, SSID_ROW, ...BSS_ROWS], where);
    yield* securityProblems(bss.security, `${where}.security`);
    if (radio.channel.band === "6GHz") yield* sixGhzProblems(bss.security, `${where}.security`);
    yield* togetherProblems(bss, radio, where);
    if (bss.acl !== undefined) yield* aclProblems(bss.acl, `${where}.acl`);
    if (bss.interworking !== undefined)
      yield* interworkingProblems(bss.interworking, `${where}.interworking`);
    const before = all.slice(0, index);
    if (before.some((other) => other.interface === bss.interface))
      yield { field: `${where}.interface`, why: `${bss.interface} is there twice` };
    if (index > 0) yield* furtherProblems(bss, before, where);
  }
}

function* securityProblems(security: Security, where: string): Generator<ConfProblem> {
  if (security.kind === "owe") yield* rowProblems(security, OWE_ROWS, where);
  if (security.kind === "wpa2") {
    yield* rowProblems(security, WPA2_ROWS, where);
    if ("psk" in security && "passphrase" in security)
      yield { field: `${where}.psk`, why: "is beside a passphrase: one of them" };
  }
  if (security.kind === "wpa3") yield* rowProblems(security, WPA3_ROWS, where);
  if (security.kind === "wpa2-wpa3") yield* rowProblems(security, WPA2_WPA3_ROWS, where);
  if (security.kind === "open" || security.kind === "owe") {
    const { transition } = security;
    if (transition === undefined) return;
    yield* rowProblems(transition, TRANSITION_ROWS, `${where}.transition`);
    if ("interface" in transition && ("ssid" in transition || "bssid" in transition))
      yield { field: `${where}.transition`, why: "has either an interface, or a name and an address" };
  }
}

/** IEEE 802.11-2020, 12.12.2: no network without encryption, none of WPA2, SAE by hash-to-element alone. */
function* sixGhzProblems(security: Security, where: string): Generator<ConfProblem> {
  if (security.kind !== "owe" && security.kind !== "wpa3")
    yield { field: `${where}.kind`, why: `${security.kind} is not for 6 GHz: owe or wpa3 is` };
  if (security.kind === "wpa3" && security.passwordElement !== "hash-to-element")
    yield { field: `${where}.passwordElement`, why: "6 GHz needs hash-to-element" };
}

function* togetherProblems(bss: BssOptions, radio: RadioOptions, where: string): Generator<ConfProblem> {
  if (bss.proxyArp === true && bss.isolate !== true)
    yield { field: `${where}.proxyArp`, why: "needs isolate" };
  if (bss.proxyArp === true && bss.bridge === undefined)
    yield { field: `${where}.proxyArp`, why: "needs a bridge" };
  if (bss.bridge !== undefined && bss.bridge === bss.interface)
    yield { field: `${where}.bridge`, why: "is the interface itself" };
  if (bss.controlGroupId !== undefined && bss.controlDirectory === undefined)
    yield { field: `${where}.controlGroupId`, why: "needs controlDirectory" };
  if (bss.wmm === false && (radio.ht ?? radio.he) !== undefined)
    yield { field: `${where}.wmm`, why: "802.11n and later need it" };
  if (bss.uapsd === true && bss.wmm !== true) yield { field: `${where}.uapsd`, why: "needs wmm" };
  if (bss.silentWhenFull === true && bss.maxStations === undefined)
    yield { field: `${where}.silentWhenFull`, why: "needs maxStations" };
}

/**
 * A radio has one address of its own, the first network's. Those of the others are to be known beforehand, as hostapd
 * would count on from the radio's, which not every address allows, and to be nobody else's.
 */
function* furtherProblems(
  bss: BssOptions,
  before: readonly BssOptions[],
  where: string,
): Generator<ConfProblem> {
  const field = `${where}.bssid`;
  if (bss.bssid === undefined) yield { field, why: "is needed by each network but the first" };
  else if (!isLocallyAdministered(bss.bssid))
    yield { field, why: `${bss.bssid} is not locally administered (second digit 2, 6, a or e)` };
  if (bss.bssid !== undefined && before.some((other) => other.bssid === bss.bssid))
    yield { field, why: `${bss.bssid} is there twice` };
}

function* aclProblems(acl: NonNullable<BssOptions["acl"]>, where: string): Generator<ConfProblem> {
  yield* rowProblems(acl, ACL_ROWS, where);
  const file = acl.policy === "deny-unless-accepted" ? acl.acceptFile : acl.denyFile;
  if (file === undefined) yield { field: where, why: `${acl.policy} needs ${filePath.form}` };
}

function* interworkingProblems(options: Interworking, where: string): Generator<ConfProblem> {
  yield* rowProblems(options, INTERWORKING_ROWS, where);
  if (options.venue !== undefined) yield* rowProblems(options.venue, VENUE_ROWS, `${where}.venue`);
  const { venueNames = [], networkAuthentication: step } = options;
  for (const [index, { language, name }] of venueNames.entries()) {
    if (!LANGUAGE.fits(language) || !VENUE_NAME.fits(name))
      yield {
        field: `${where}.venueNames[${index}]`,
        why: `is not ${LANGUAGE.form} with ${VENUE_NAME.form}`,
      };
  }
  if (step === undefined) return;
  const field = `${where}.networkAuthentication`;
  if (options.additionalStep !== true) yield { field, why: "needs additionalStep" };
  if (step.url !== undefined && !URL_TEXT.fits(step.url))
    yield { field: `${field}.url`, why: `is not ${URL_TEXT.form}` };
  if (step.url !== undefined && step.kind !== "terms" && step.kind !== "http-redirect")
    yield { field: `${field}.url`, why: `${step.kind} has none` };
  if (step.url === undefined && step.kind === "http-redirect")
    yield { field: `${field}.url`, why: "http-redirect needs one" };
}
