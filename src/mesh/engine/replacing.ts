export type Replacements<T> = { [K in keyof T]?: () => T[K] };

/** The same object, but for some properties, which are worked out when they are asked for. */
export function replacing<T extends object>(target: T, by: Replacements<T>): T {
  return new Proxy(target, {
    get(object, key) {
      const replacement = by[key as keyof T];
      if (replacement !== undefined) return replacement();
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
