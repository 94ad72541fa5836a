declare module "node-wifi" {
  const wifi: {
    /** @param options.iface one interface, or null for all */
    init(options: { iface: string | null }): void;
    /** Networks that NetworkManager heard, by `nmcli`; what it says is checked by whoever asks. */
    scan(): Promise<unknown>;
  };
  // The package is CommonJS: what it exports is the default.
  export = wifi;
}
