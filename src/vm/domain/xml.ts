/** A value cannot be written in XML. */
export class XmlError extends Error {
  override readonly name = "XmlError";
}

/** What XML 1.0, 2.2, lets stand in a document at all; lone surrogates are no characters. */
const NO_CHARACTER = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

const REFERENCES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  // As they are, a parser would make blanks of them in an attribute (XML 1.0, 3.3.3), and drop a return (2.11).
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/**
 * Text as it may stand between tags or in an attribute: it can end neither.
 * @throws {XmlError} for characters that no document may have
 */
export function escapeXml(text: string): string {
  const found = NO_CHARACTER.exec(text)?.[0];
  if (found !== undefined)
    throw new XmlError(`character ${found.codePointAt(0)?.toString(16)} cannot be written in XML`);
  return text.replace(/[&<>"'\t\n\r]/g, (character) => REFERENCES[character] ?? character);
}

/** The end of `escapeXml`, for what libvirt prints. Other entities than these do not occur there. */
export function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return NAMED[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** An element in the making: attributes that are undefined are left out, and so are children that are. */
export interface XmlElement {
  name: string;
  attributes?: Record<string, string | number | undefined>;
  /** Elements one below the other, or text. */
  content?: readonly (XmlElement | undefined)[] | string | number;
}

/** Names come from the code, values from anywhere. */
export function printXml(element: XmlElement, indent = ""): string {
  const { name, attributes = {}, content } = element;
  const pairs = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const start = `${indent}<${name}${pairs.map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`).join("")}`;
  if (content === undefined) return `${start}/>\n`;
  if (typeof content !== "object") return `${start}>${escapeXml(String(content))}</${name}>\n`;
  const children = content.filter((child) => child !== undefined);
  return `${start}>\n${children.map((child) => printXml(child, `${indent}  `)).join("")}${indent}</${name}>\n`;
}
