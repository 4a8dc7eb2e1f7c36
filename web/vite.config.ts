import { defineConfig } from "vite";

/** What the static page may do; the local server says the same in a header. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";

export default defineConfig(({ mode }) => ({
  base: "./",
  build: {
    outDir: mode === "static" ? "dist-static" : "../shapecalc/server/page",
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    target: "es2022",
    license: { fileName: "licenses.md" },
  },
  worker: { format: "es" },
  plugins: [
    {
      name: "policy",
      transformIndexHtml: (html: string) =>
        html.replace("<!-- csp -->", mode === "static" ? `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />` : ""),
    },
  ],
}));
