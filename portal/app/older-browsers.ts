// What browsers of 2020 (Chrome 80) lack and the libraries use. Loaded before everything else.

function add(target: object, name: string, value: unknown): void {
  if (!(name in target)) Object.defineProperty(target, name, { value });
}

/** ES2022; Chrome 93. */
add(Object, "hasOwn", (object: object, key: PropertyKey) =>
  // biome-ignore lint/suspicious/noPrototypeBuiltins: Object.hasOwn is what is missing here.
  Object.prototype.hasOwnProperty.call(object, key),
);

/** ES2021; Chrome 85. Of a plain text alone: that is how it is used here. */
add(String.prototype, "replaceAll", function replaceAll(this: string, found: string, by: string) {
  return this.split(found).join(by);
});

/** ES2022; Chrome 92. */
add(Array.prototype, "at", function at<T>(this: readonly T[], index: number) {
  return this[index < 0 ? this.length + index : index];
});

/** Safari 15. */
add(
  DataView.prototype,
  "setBigUint64",
  function setBigUint64(this: DataView, at: number, value: bigint, isLittleEndian = false) {
    const high = Number((value >> 32n) & 0xffff_ffffn);
    const low = Number(value & 0xffff_ffffn);
    this.setUint32(at, isLittleEndian ? low : high, isLittleEndian);
    this.setUint32(at + 4, isLittleEndian ? high : low, isLittleEndian);
  },
);

/** Chrome 86. Outside of browsers there are no elements. */
if (typeof Element !== "undefined") {
  add(Element.prototype, "replaceChildren", function replaceChildren(this: Element, ...children: Node[]) {
    this.textContent = "";
    this.append(...children);
  });
}

export {};
