import { type ConfProblem, rowProblems } from "../hostap-syntax/index.ts";
import { capabilityCodec, capabilityFault, HT_CAPABILITIES } from "./capabilities.ts";
import { CHANNEL_14, centreOf, hasRadar, type OperatingChannel } from "./channel.ts";
import type { HtOptions, RadioOptions } from "./options.ts";
import { HE_ROWS, HT_ROWS, RADIO_ROWS, VHT_ROWS } from "./radio-rows.ts";
import { SLOW_RATES } from "./rates.ts";

const htCapabilities = capabilityCodec(HT_CAPABILITIES);

/** What is wrong with a radio's options, alone and together. */
export function* radioProblems(radio: RadioOptions): Generator<ConfProblem> {
  yield* rowProblems(radio, RADIO_ROWS, "radio");
  yield* channelProblems(radio.channel);
  yield* countryProblems(radio);
  yield* rateProblems(radio);
  yield* standardProblems(radio);
  const { ht, vht, he } = radio;
  if (ht !== undefined) yield* htProblems(ht, radio.channel);
  if (vht !== undefined) {
    yield* rowProblems(vht, VHT_ROWS, "radio.vht");
    yield* named("radio.vht.capabilities", capabilityFault(vht.capabilities));
  }
  if (he !== undefined) yield* rowProblems(he, HE_ROWS, "radio.he");
}

function* named(field: string, why: string | undefined): Generator<ConfProblem> {
  if (why !== undefined) yield { field, why };
}

function* channelProblems(channel: OperatingChannel): Generator<ConfProblem> {
  const { band, number, widthMhz, secondary } = channel;
  const field = "radio.channel";
  if (centreOf({ band, number, widthMhz: 20 }) === undefined)
    yield { field: `${field}.number`, why: `${number} is no channel of ${band}` };
  else if (band === "2.4GHz" && widthMhz === 40 && secondary === undefined)
    yield {
      field: `${field}.secondary`,
      why: "40 MHz on 2.4 GHz need to know whether the second 20 are above or below",
    };
  else if (centreOf(channel) === undefined)
    yield {
      field: `${field}.widthMhz`,
      why: `channel ${number} of ${band} has no ${widthMhz} MHz${secondary ?? ""}`,
    };
  if (secondary !== undefined && (band !== "2.4GHz" || widthMhz !== 40))
    yield { field: `${field}.secondary`, why: "is for 40 MHz on 2.4 GHz alone" };
}

function* countryProblems(radio: RadioOptions): Generator<ConfProblem> {
  const { channel, countryCode, advertiseCountry, radarDetection, powerConstraintDb } = radio;
  if (countryCode === undefined && channel.band !== "2.4GHz")
    yield { field: "radio.countryCode", why: `is needed on ${channel.band}` };
  if (countryCode === undefined && advertiseCountry === true)
    yield { field: "radio.advertiseCountry", why: "needs a country" };
  if (radarDetection === true && advertiseCountry !== true)
    yield { field: "radio.radarDetection", why: "needs advertiseCountry" };
  if (radarDetection !== true && hasRadar(channel))
    yield {
      field: "radio.radarDetection",
      why: `is needed on channel ${channel.number} with ${channel.widthMhz} MHz`,
    };
  if (powerConstraintDb !== undefined && advertiseCountry !== true)
    yield { field: "radio.powerConstraintDb", why: "needs advertiseCountry" };
  if (radio.spectrumManagementRequired === true && powerConstraintDb === undefined)
    yield { field: "radio.spectrumManagementRequired", why: "needs powerConstraintDb" };
  if (channel.band === "2.4GHz" && channel.number === CHANNEL_14 && countryCode !== "JP")
    yield { field: "radio.channel.number", why: "14 is for Japan alone" };
}

function* rateProblems({ channel, supportedRates, basicRates }: RadioOptions): Generator<ConfProblem> {
  for (const [field, rates = []] of [
    ["supportedRates", supportedRates],
    ["basicRates", basicRates],
  ] as const) {
    const slow = rates.find((rate) => SLOW_RATES.includes(rate));
    const fast = rates.find((rate) => !SLOW_RATES.includes(rate));
    if (channel.band !== "2.4GHz" && slow !== undefined)
      yield { field: `radio.${field}`, why: `${slow} is a rate of 2.4 GHz alone` };
    if (channel.band === "2.4GHz" && channel.number === CHANNEL_14 && fast !== undefined)
      yield { field: `radio.${field}`, why: `${fast} is no rate of 802.11b` };
  }
  const alone = supportedRates && basicRates?.find((rate) => !supportedRates.includes(rate));
  if (alone !== undefined) yield { field: "radio.basicRates", why: `${alone} is not among supportedRates` };
}

/** Which of 802.11n, ac and ax go with the channel, its width and one another. */
function* standardProblems({ channel, ht, vht, he }: RadioOptions): Generator<ConfProblem> {
  const { band, number, widthMhz } = channel;
  if (band === "2.4GHz" && number === CHANNEL_14 && (ht ?? vht ?? he) !== undefined)
    yield { field: "radio.channel.number", why: "14 is for 802.11b alone, without ht, vht and he" };
  if (band === "6GHz") {
    if (he === undefined) yield { field: "radio.he", why: "is needed on 6 GHz" };
    if (ht !== undefined) yield { field: "radio.ht", why: "is not for 6 GHz" };
    if (vht !== undefined) yield { field: "radio.vht", why: "is not for 6 GHz" };
    return;
  }
  if (vht !== undefined && band === "2.4GHz") yield { field: "radio.vht", why: "is for 5 GHz alone" };
  if (vht !== undefined && ht === undefined) yield { field: "radio.vht", why: "needs ht" };
  if (he !== undefined && ht === undefined) yield { field: "radio.he", why: "needs ht" };
  if (he !== undefined && band === "5GHz" && vht === undefined)
    yield { field: "radio.he", why: "needs vht on 5 GHz" };
  if (widthMhz > 20 && ht === undefined)
    yield { field: "radio.channel.widthMhz", why: `${widthMhz} MHz need ht` };
  if (widthMhz > 40 && vht === undefined)
    yield { field: "radio.channel.widthMhz", why: `${widthMhz} MHz need vht` };
  if (widthMhz === 160 && vht !== undefined && !vht.capabilities.some((name) => name.startsWith("VHT160")))
    yield { field: "radio.vht.capabilities", why: "160 MHz need VHT160" };
}

function* htProblems(ht: HtOptions, { band, widthMhz }: OperatingChannel): Generator<ConfProblem> {
  yield* rowProblems(ht, HT_ROWS, "radio.ht");
  const field = "radio.ht.capabilities";
  if (!htCapabilities.fits(ht.capabilities)) yield { field, why: `has what is not ${htCapabilities.form}` };
  yield* named(field, capabilityFault(ht.capabilities));
  if (band !== "2.4GHz" && ht.capabilities.includes("DSSS_CCK-40"))
    yield { field, why: "DSSS_CCK-40 is for 2.4 GHz alone" };
  if (ht.capabilities.includes("40-INTOLERANT") && (band !== "2.4GHz" || widthMhz !== 20))
    yield { field, why: "40-INTOLERANT is for 20 MHz on 2.4 GHz alone" };
}
