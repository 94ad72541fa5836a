import { encodeFrame } from "../../src/lora/link/frame.ts";
import { encodeText } from "../../src/lora/link/text/index.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { candidates } from "./text-sample/candidates.ts";
import { furtherTexts } from "./text-sample/further-texts.ts";
import { heldOutTexts, SAMPLE_LANGUAGES, type SampleLanguage } from "./text-sample/index.ts";
import { meshtasticFrameBytes } from "./text-sample/meshtastic-data.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);

/** Bytes of the LoRa frame in which our link sends a text to one box. */
function ours(text: Uint8Array): number {
  const coded = encodeText(text);
  const isCoded = coded.length < text.length;
  const [source, destination] = [0x123456, 0x654321];
  const head = { source, destination, message: 1, index: 0, count: 1, wantsReport: true };
  return encodeFrame({ kind: "data", ...head, isCoded, body: coded }).length;
}

/** What people write after a disaster, in fewer bytes on the air: only texts that no dictionary has seen. */
export function textRows(): BenchRow[] {
  const texts = SAMPLE_LANGUAGES.map((language) => ({ language, all: heldOutTexts(language).map(utf8) }));
  return [
    ...texts.map(({ language, all }) => languageRow(language, all)),
    furtherRow(),
    ...texts.map(({ language, all }) => characterRow(language, all)),
    ...candidateRows(texts),
  ];
}

/** The second sample, all of it. */
function furtherRow(): BenchRow {
  const texts = SAMPLE_LANGUAGES.flatMap(furtherTexts).map(utf8);
  return benchRow({
    name: `${texts.length} further texts, on the air`,
    unit: "bytes",
    ours: sum(texts.map(ours)),
    reference: sum(texts.map(meshtasticFrameBytes)),
    referenceName: "Meshtastic",
    goal: { of: "ratio", below: 1 },
  });
}

/** What languages can be compared by: their scripts take 1 to 4 bytes of UTF-8 for a code point. */
function characterRow(language: SampleLanguage, texts: readonly Uint8Array[]): BenchRow {
  const characters = sum(texts.map((text) => [...new TextDecoder().decode(text)].length));
  return benchRow({
    name: `a character in ${language}, without headers`,
    unit: "bytes",
    ours: sum(texts.map((text) => encodeText(text).length)) / characters,
    reference: sum(texts.map((text) => text.length)) / characters,
    referenceName: "UTF-8",
  });
}

function languageRow(language: SampleLanguage, texts: readonly Uint8Array[]): BenchRow {
  return benchRow({
    name: `${texts.length} texts in ${language}, on the air`,
    unit: "bytes",
    ours: sum(texts.map(ours)),
    reference: sum(texts.map(meshtasticFrameBytes)),
    referenceName: "Meshtastic",
    goal: { of: "ratio", below: 1 },
  });
}

/** How the text model was chosen: the others that could have been, each without any header. */
function candidateRows(texts: readonly { language: SampleLanguage; all: Uint8Array[] }[]): BenchRow[] {
  const chosen = sum(texts.flatMap(({ all }) => all.map((text) => encodeText(text).length)));
  return candidates().map(({ name, bytes }) =>
    benchRow({
      name: "all texts, without headers",
      unit: "bytes",
      ours: chosen,
      reference: sum(texts.flatMap(({ language, all }) => all.map((text) => bytes(text, language)))),
      referenceName: name,
    }),
  );
}
