/** One way in which hostapd and wpa_supplicant write the values of a key. */
export interface ValueCodec<T> {
  /** What a value must be, to stand behind "is not". */
  readonly form: string;
  fits(value: T): boolean;
  /** Of a value that fits. */
  encode(value: T): string;
  /** Of what anybody may have written. @returns undefined where it is not written like that; it may still not fit */
  decode(text: string): T | undefined;
}

export const flag: ValueCodec<boolean> = {
  form: "0 or 1",
  fits: (value) => typeof value === "boolean",
  encode: (value) => (value ? "1" : "0"),
  decode: (text) => (text === "1" ? true : text === "0" ? false : undefined),
};

export function integer(least: number, most: number): ValueCodec<number> {
  return {
    form: `a whole number from ${least} to ${most}`,
    fits: (value) => Number.isInteger(value) && value >= least && value <= most,
    encode: String,
    decode: (text) => (/^(?:0|-?[1-9]\d{0,9})$/.test(text) ? Number(text) : undefined),
  };
}

/** Whole numbers with spaces between them, at least one, each once. */
export function integers(least: number, most: number, maxCount: number): ValueCodec<readonly number[]> {
  const each = integer(least, most);
  return {
    form: `up to ${maxCount} different whole numbers from ${least} to ${most}`,
    fits: (values) =>
      values.length > 0 &&
      values.length <= maxCount &&
      new Set(values).size === values.length &&
      values.every((value) => each.fits(value)),
    encode: (values) => values.join(" "),
    decode: (text) => {
      const values = text.split(" ").map((word) => each.decode(word));
      return values.every((value) => value !== undefined) ? values : undefined;
    },
  };
}

/** Names of ours for what the file has as numbers or words. */
export function choice<T extends string>(words: Readonly<Record<T, string>>): ValueCodec<T> {
  const byWord = new Map<string, T>();
  for (const name in words) byWord.set(words[name], name);
  return {
    form: `one of ${[...byWord.values()].join(", ")}`,
    fits: (value) => Object.hasOwn(words, value),
    encode: (value) => words[value],
    decode: (text) => byWord.get(text),
  };
}

/** Text that stands in a line as it is, spaces at its ends and all. */
export function text(form: string, pattern: RegExp, maxBytes: number): ValueCodec<string> {
  return {
    form,
    fits: (value) =>
      pattern.test(value) &&
      !hasControls(value) &&
      value.isWellFormed() &&
      Buffer.byteLength(value) <= maxBytes,
    encode: (value) => value,
    decode: (value) => value,
  };
}

/** Of texts that people write: more than would harm a line, as nobody means any of them. */
function hasControls(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

/** Linux's names of interfaces: IFNAMSIZ has 16 bytes with the 0 at the end. */
export const interfaceName = text("an interface's name of up to 15 letters", /^(?!\.{1,2}$)[\w.-]+$/, 15);

/** Short enough for a socket beneath it (sun_path of unix(7) has 108 bytes). */
export const directory = text(
  "an absolute path of up to 80 bytes without odd characters",
  /^\/[\w./-]+$/,
  80,
);

export const filePath = text("an absolute path of up to 255 bytes", /^\/[^/].*[^/]$/, 255);

export const countryCode = text("two capital letters of ISO 3166-1", /^[A-Z]{2}$/, 2);

/** Of WPA2 (IEEE 802.11, annex J.4): printable ASCII. */
export const passphrase = text("a passphrase of 8 to 63 printable ASCII characters", /^[ -~]{8,63}$/, 63);

export const presharedKey = text("64 hexadecimal digits, small letters", /^[0-9a-f]{64}$/, 64);
