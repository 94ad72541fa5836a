/** The operator's colour on one kind of page, made readable. */
export interface Palette {
  /** Stands out from the page by 3:1 at least (WCAG 2.2, 1.4.11). */
  button: string;
  /** Words on buttons: 4.5:1 (1.4.3). */
  onButton: "#fff" | "#000";
  /** 7:1 from the page (1.4.6). */
  link: string;
}

export const PAGE_LIGHT = "#ffffff";
export const PAGE_DARK = "#14181b";
/** More than 1.4.3 asks for: thin words in a colour are read in sunlight and on cracked screens. */
const TEXT_CONTRAST = 7;
const SHAPE_CONTRAST = 3;

export type Rgb = readonly [number, number, number];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

/** @param accent "#rrggbb" */
export function palette(accent: string): { light: Palette; dark: Palette } {
  const colour = parse(accent);
  return { light: on(parse(PAGE_LIGHT), colour, BLACK), dark: on(parse(PAGE_DARK), colour, WHITE) };
}

function on(page: Rgb, colour: Rgb, towards: Rgb): Palette {
  const button = mixUntil(SHAPE_CONTRAST, colour, page, towards);
  return {
    button: hex(button),
    // Of black and white one always has 4.5:1 on any colour.
    onButton: contrast(button, WHITE) >= contrast(button, BLACK) ? "#fff" : "#000",
    link: hex(mixUntil(TEXT_CONTRAST, colour, page, towards)),
  };
}

/** Mixes a colour with black or white until it stands out enough from a page. */
function mixUntil(wanted: number, colour: Rgb, page: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(colour, towards, share);
    if (contrast(mixed, page) >= wanted) return mixed;
  }
  return towards;
}

/** WCAG 2.2, contrast ratio. */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((value, index) => Math.round(value + ((b[index] ?? 0) - value) * share)) as unknown as Rgb;
}

export function parse(text: string): Rgb {
  const value = Number.parseInt(text.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

const hex = (colour: Rgb): string =>
  `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
