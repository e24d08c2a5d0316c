/** How Vite bundles the page: `npx vite build examples/browser-training`. */
import { defineConfig } from "vite";

// Threads of WebAssembly need a page that is isolated from other origins.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  // Relative addresses, so that the page may be served from any folder.
  base: "./",
  worker: { format: "es" },
  server: { headers },
  preview: { headers },
  // The library finds its WebAssembly beside its own file; the development server must leave it there.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
});
