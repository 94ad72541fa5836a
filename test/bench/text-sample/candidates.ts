import { constants, deflateRawSync, zstdCompressSync } from "node:zlib";
import { encodeText } from "../../../src/lora/link/text/index.ts";
import { shortestByChunks } from "./chunks.ts";
import { SAMPLE_LANGUAGES, type SampleLanguage, trainingTexts } from "./index.ts";
import { predictionByPartialMatch } from "./partial-match.ts";
import { inWindows } from "./windows.ts";

/** A way to write a text in fewer bytes, none of which has seen the texts that are measured. */
export interface Candidate {
  name: string;
  /** Bytes that it takes; what is not shorter than UTF-8 goes as UTF-8. */
  bytes(text: Uint8Array, language: SampleLanguage): number;
}

/** Deflate looks back no further. */
const DEFLATE_WINDOW = 32_768;
/** Zstandard's magic number, which a link need not send (RFC 8878, section 3.1.1). */
const ZSTD_MAGIC_BYTES = 4;

const dictionaryOf = (languages: readonly SampleLanguage[]): Buffer =>
  Buffer.from(languages.flatMap(trainingTexts).join("\n"));

export function candidates(): Candidate[] {
  const all = dictionaryOf(SAMPLE_LANGUAGES);
  const ofLanguage = new Map(SAMPLE_LANGUAGES.map((language) => [language, dictionaryOf([language])]));
  const deflated = (text: Uint8Array, dictionary: Buffer | undefined) =>
    deflateRawSync(text, { level: 9, ...(dictionary ? { dictionary } : {}) }).length;
  const zstandard = { params: { [constants.ZSTD_c_compressionLevel]: 19 }, dictionary: all };
  const chunks = shortestByChunks(SAMPLE_LANGUAGES.flatMap(trainingTexts));
  const partialMatch = predictionByPartialMatch(SAMPLE_LANGUAGES.flatMap(trainingTexts));
  const methods: Candidate[] = [
    { name: "UTF-8 as it is", bytes: (text) => text.length },
    { name: "deflate", bytes: (text) => deflated(text, undefined) },
    {
      name: "deflate, one dictionary",
      bytes: (text) => deflated(text, all.subarray(-DEFLATE_WINDOW)),
    },
    {
      // As if it cost nothing to say which.
      name: "deflate, a dictionary for each language",
      bytes: (text, language) => deflated(text, ofLanguage.get(language)),
    },
    {
      name: "zstd, one dictionary",
      bytes: (text) => zstdCompressSync(text, zstandard).length - ZSTD_MAGIC_BYTES,
    },
    { name: "253 frequent chunks of a byte each", bytes: chunks },
    { name: "script windows", bytes: inWindows },
    { name: "prediction by partial match, order 3", bytes: partialMatch },
    { name: "the text model", bytes: (text) => encodeText(text).length },
  ];
  return methods.map(({ name, bytes }) => ({
    name,
    bytes: (text, language) => Math.min(text.length, bytes(text, language)),
  }));
}
