/** Imported with { type: "text" }. */
declare module "*.css" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: so Bun gives it.
  export default text;
}
