/** A text with the digits of every script (Arabic, Devanagari …) as 0 to 9. */
export function plainDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, digitValue);
}

/** Decimal digits stand ten in a row in Unicode, zero first (chapter 4.6): what a digit is worth is where it stands in its row. */
function digitValue(character: string): string {
  let code = character.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - 1))) {
    code -= 1;
    value += 1;
  }
  return String(value);
}
