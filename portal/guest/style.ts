import { PAGE_DARK, PAGE_LIGHT, palette } from "./accent.ts";

/** The portal's whole style, in the page: one round trip, and nothing that an old phone's browser does not know. */
export function guestStyle(accent: string): string {
  const { button, onButton, linkLight, linkDark } = palette(accent);
  return [
    "*{box-sizing:border-box}",
    `body{margin:0;background:${PAGE_LIGHT};color:#16191c;font:18px/1.45 system-ui,-apple-system,Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}`,
    "main,header,footer{max-width:34em;margin:0 auto;padding:0 18px}",
    "header{padding-top:18px}",
    "footer{padding-bottom:32px}",
    "h1{font-size:1.5em;line-height:1.2;margin:.3em 0 .5em}",
    "h2{font-size:1.1em;margin:1.4em 0 .4em}",
    "p,ul{margin:.5em 0}",
    "ul{padding:0 1.2em}",
    "li{margin:.35em 0}",
    `a{color:${linkLight}}`,
    "a:focus,button:focus{outline:3px solid currentColor;outline-offset:3px}",
    `.b{display:block;width:100%;margin:.8em 0;padding:.85em 1em;border:0;border-radius:10px;background:${button};color:${onButton};font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}`,
    ".b small{display:block;font-weight:400}",
    ".q{background:none;color:inherit;border:2px solid}",
    ".n{border:2px solid;border-radius:10px;padding:.2em 1em;margin:1em 0}",
    ".s{font-size:.85em}",
    ".a{font-size:1.2em;font-weight:600;user-select:all;-webkit-user-select:all}",
    ".c{background:#fff;padding:12px;border-radius:10px;width:196px;max-width:100%}",
    ".c svg{display:block;width:100%}",
    "nav ul{list-style:none;padding:0}",
    "nav li{display:inline-block;margin:0 14px 0 0}",
    "nav a{display:inline-block;padding:8px 0}",
    ".k{position:absolute;top:-99em}.k:focus{top:0}",
    `@media(prefers-color-scheme:dark){body{background:${PAGE_DARK};color:#e9edf0}a{color:${linkDark}}.b{color:${onButton}}.q{color:inherit}}`,
  ].join("");
}
