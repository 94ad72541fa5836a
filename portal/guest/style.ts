import { PAGE_DARK, PAGE_LIGHT, palette } from "./accent.ts";

/** The portal's whole style, in the page: one round trip, and nothing that an old phone's browser does not know. */
export function guestStyle(accent: string): string {
  const { light, dark } = palette(accent);
  return [
    "*{box-sizing:border-box}",
    `body{margin:0;background:${PAGE_LIGHT};color:#16191c;font:18px/1.45 system-ui,-apple-system,Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}`,
    "main,footer{max-width:34em;margin:0 auto;padding:0 18px 24px}",
    "h1{font-size:1.5em;line-height:1.25;margin:.5em 0;text-wrap:balance}",
    "h2{font-size:1.1em;margin:1.2em 0 .3em}",
    "p,ul{margin:.5em 0}",
    // Browsers of before 2013 know it by this alone.
    "[hidden]{display:none}",
    "ul{padding:0 1.2em;padding-inline-end:0}",
    "li{margin:.25em 0}",
    `a{color:${light.link}}`,
    "a:focus,button:focus,input:focus,textarea:focus,summary:focus{outline:3px solid #16191c;outline-offset:3px}",
    `.b{display:block;width:100%;margin:.8em 0;padding:.85em 1em;border:0;border-radius:10px;background:${light.button};color:${light.onButton};font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}`,
    ".b small{display:block;font-weight:400}",
    ".b.r{background:#c62828;color:#fff}",
    ".b.q{background:none;color:inherit;border:2px solid}",
    // Two beside each other where there is room for their words; old browsers put them below each other.
    ".h{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5em,1fr));grid-gap:0 .7em}",
    ".h .b{display:flex;align-items:center;justify-content:center;margin:.35em 0;padding:.85em .4em}",
    ".n{border:2px solid;border-radius:10px;padding:.7em 1em;margin:1em 0}",
    ".n h2,.n ul{margin:0;padding:0;list-style:none}",
    ".n li{margin:.5em 0 0}",
    ".n>p:first-child{margin-top:0}.n>p:last-child{margin-bottom:0}",
    ".w{border-color:#b26a00}.e{border-color:#b00020}",
    "p.e:not(.n),.n.e h2{color:#b00020}",
    "label,legend,summary{display:block;font-weight:600;margin:1em 0 .3em;padding:0}",
    "summary{display:list-item;padding:.5em 0;cursor:pointer}",
    "label i{font-weight:400}",
    "label.l{display:flex;font-weight:400;margin:0;padding:.45em 0}",
    "fieldset{margin:1em 0 0;padding:0;border:0}",
    "input,textarea{font:inherit;width:100%;padding:.6em;border:2px solid #6b7379;border-radius:8px;background:transparent;color:inherit}",
    "input[type=radio]{flex:none;width:1.1em;height:1.1em;margin:.2em 0;margin-inline-end:.5em}",
    "article{border-top:1px solid #8888;padding:.3em 0}",
    "blockquote{margin:.5em 0;padding-inline-start:.8em;border-inline-start:4px solid #8888}",
    ".g>*{display:inline-block;padding:.55em 0;margin-inline-end:1.2em}",
    ".o{white-space:pre-line}",
    ".s{font-size:.85em}",
    // What a network vouches for: in a frame, which nothing that guests write can have.
    ".v{border:2px solid;border-radius:6px;padding:.1em .6em;font-size:.85em}",
    ".a{font-size:1.2em;font-weight:600;user-select:all;-webkit-user-select:all}",
    ".c{background:#fff;border:1px solid #c3ccd2;border-radius:10px;width:210px;max-width:100%}",
    ".c svg{display:block;width:100%}",
    "nav{display:flex;overflow-x:auto;white-space:nowrap;max-width:37.8em;margin:0 auto;padding:0 10px;font-size:.9em;border-bottom:1px solid #8888}",
    "nav a,nav b{flex:none;padding:13px 8px}",
    "footer a{display:inline-block;padding:9px 12px 9px 0}",
    `.k{position:absolute;top:-99em;padding:8px 18px;background:${PAGE_LIGHT}}.k:focus{top:0}`,
    "body:lang(ar),body:lang(fa),body:lang(hi),body:lang(bn){line-height:1.65}",
    // Nastaliq, in which Urdu is written where the phone has it, is far taller than a Latin line.
    "body:lang(ur),h1:lang(ur){line-height:2.1}",
    `@media(prefers-color-scheme:dark){body{background:${PAGE_DARK};color:#e9edf0}a{color:${dark.link}}.b{background:${dark.button};color:${dark.onButton}}.b.q{background:none;color:inherit}.k{background:${PAGE_DARK}}.b.r{background:#e5423c;color:#000}.w{border-color:#ffb74d}.e{border-color:#ff9b93}p.e:not(.n),.n.e h2{color:#ff9b93}input,textarea{border-color:#8d979e}a:focus,button:focus,input:focus,textarea:focus,summary:focus{outline-color:#e9edf0}}`,
  ].join("");
}
