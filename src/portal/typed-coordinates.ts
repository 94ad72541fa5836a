import { type Coordinates, plainDigits } from "../messages/index.ts";

const DEGREES = /^([+-]?\d{1,3}(?:\.\d{1,15})?)$/;
/** The marks by which phones and maps say which half of the earth is meant. */
const SOUTH_OR_WEST = /[SW]/i;

/**
 * A place as people type or paste it: "35.6892, 51.3890", "geo:-33.9,151.2", "35,6892 51,3890", "33.9° S 151.2° E", in the digits
 * of any script.
 * @returns undefined where it is no place on earth
 */
export function typedCoordinates(typed: string): Coordinates | undefined {
  const text = plainDigits(typed)
    .trim()
    .replace(/^geo:/i, "")
    .replace(/[\u066b]/g, ".")
    .replace(/[\u060c\u3001\uff0c;]/g, ", ")
    .replace(/[\u2212\u2013]/g, "-");
  const [latitude, longitude] = halves(text).map(degrees);
  if (latitude === undefined || longitude === undefined) return undefined;
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  return { latitudeE6: Math.round(latitude * 1e6), longitudeE6: Math.round(longitude * 1e6) };
}

/** One comma stands between the two numbers, unless there is none but in them: "35,6892 51,3890". */
function halves(text: string): string[] {
  const byComma = text.split(",");
  const parts =
    byComma.length === 2
      ? byComma
      : text
          .replace(/(\d),(\d)/g, "$1.$2")
          .replace(/,/g, " ")
          .split(/(?<=\d[°NSEW\s]*)\s+(?=[-+]?\d)/i);
  return parts.length === 2 ? parts.map((part) => part.trim()) : [];
}

function degrees(text: string): number | undefined {
  const bare = text.replace(/^[NSEW]|[NSEW]$/i, "").replace(/[°\s]/g, "");
  const number = DEGREES.exec(bare)?.[1];
  if (number === undefined) return undefined;
  return SOUTH_OR_WEST.test(text) ? -Math.abs(Number(number)) : Number(number);
}
