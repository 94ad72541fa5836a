const ORDER = 3;
const END = -1;

/**
 * Prediction by partial match over characters (Cleary and Witten 1984, escapes by method C), trained and then fixed.
 * @returns the bytes that an arithmetic coder would need for a text, rounded up
 */
export function predictionByPartialMatch(training: readonly string[]): (text: Uint8Array) => number {
  const contexts = new Map<string, Map<number, number>>();
  for (const text of training) {
    eachSymbol(text, (symbol, before) => {
      for (let order = 0; order <= ORDER && order <= before.length; order += 1) {
        const context = before.slice(before.length - order).join(",");
        const counts = contexts.get(context) ?? new Map<number, number>();
        contexts.set(context, counts);
        counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      }
    });
  }
  return (text) => {
    let bits = 0;
    eachSymbol(new TextDecoder().decode(text), (symbol, before) => {
      bits += bitsOf(contexts, symbol, before);
    });
    return Math.ceil(bits / 8);
  };
}

function eachSymbol(text: string, told: (symbol: number, before: readonly number[]) => void): void {
  const before: number[] = [];
  for (const character of text) {
    const symbol = character.codePointAt(0) ?? 0;
    told(symbol, before);
    before.push(symbol);
    if (before.length > ORDER) before.shift();
  }
  told(END, before);
}

function bitsOf(
  contexts: Map<string, Map<number, number>>,
  symbol: number,
  before: readonly number[],
): number {
  let bits = 0;
  for (let order = Math.min(ORDER, before.length); order >= 0; order -= 1) {
    const counts = contexts.get(before.slice(before.length - order).join(","));
    if (!counts) continue;
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const count = counts.get(symbol);
    if (count !== undefined) return bits - Math.log2(count / (total + counts.size));
    bits -= Math.log2(counts.size / (total + counts.size));
  }
  // A character that the training texts have not: 16 bits tell which.
  return bits + 16;
}
