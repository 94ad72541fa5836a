/** The operator's colour, made readable: each pair has at least the contrast of 4.5:1 that WCAG 2.2 (1.4.3) asks for. */
export interface Palette {
  /** Buttons, in light and dark. */
  button: string;
  /** Words on buttons. */
  onButton: "#fff" | "#000";
  /** Links on the light page. */
  linkLight: string;
  /** Links on the dark page. */
  linkDark: string;
}

export const PAGE_LIGHT = "#ffffff";
export const PAGE_DARK = "#14181b";
const MIN_CONTRAST = 4.5;

type Rgb = readonly [number, number, number];

/** @param accent "#rrggbb" */
export function palette(accent: string): Palette {
  const colour = parse(accent);
  return {
    button: accent,
    onButton: contrast(colour, [255, 255, 255]) >= contrast(colour, [0, 0, 0]) ? "#fff" : "#000",
    linkLight: hex(readable(colour, parse(PAGE_LIGHT), [0, 0, 0])),
    linkDark: hex(readable(colour, parse(PAGE_DARK), [255, 255, 255])),
  };
}

/** Mixes a colour with black or white until it can be read on a page. */
function readable(colour: Rgb, page: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(colour, towards, share);
    if (contrast(mixed, page) >= MIN_CONTRAST) return mixed;
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
