// What browsers of 2020 (Chrome 80) lack and the libraries use. Loaded before everything else.

function add(target: object, name: string, value: unknown): void {
  if (!(name in target)) Object.defineProperty(target, name, { value });
}

/** ES2022; Chrome 93. */
add(Object, "hasOwn", (object: object, key: PropertyKey) => Object.hasOwn(object, key));

/** ES2021; Chrome 85. Of a plain text alone: that is how it is used here. */
add(String.prototype, "replaceAll", function replaceAll(this: string, found: string, by: string) {
  return this.split(found).join(by);
});

/** ES2022; Chrome 92. */
add(Array.prototype, "at", function at<T>(this: readonly T[], index: number) {
  return this[index < 0 ? this.length + index : index];
});

export {};
