/** Builds and serves the example page with what tests call in it, and starts a browser. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type PreviewServer, preview } from "vite";
import { type Browser, type Page, startChromium } from "../../support/chromium.js";

const example = fileURLToPath(new URL("../../../examples/browser-training", import.meta.url));
const configFile = join(example, "vite.config.ts");
const harness = fileURLToPath(new URL("./in-browser.ts", import.meta.url));

export interface Pages {
  readonly browser: Browser;
  /** Address of the page, served with the headers of the example's configuration, which isolate it from other origins. */
  readonly isolated: string;
  /** The same without these headers. */
  readonly plain: string;
  close(): Promise<void>;
}

export async function startPages(): Promise<Pages> {
  const outDir = mkdtempSync(join(tmpdir(), "fovea-page-"));
  const shared = { root: example, logLevel: "silent" } as const;
  await build({
    ...shared,
    configFile,
    build: {
      outDir,
      emptyOutDir: true,
      rollupOptions: {
        input: { page: join(example, "index.html"), "in-browser": harness },
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  const servers: PreviewServer[] = [];
  const served = async (config: string | false): Promise<string> => {
    const server = await preview({
      ...shared,
      configFile: config,
      build: { outDir },
      preview: { port: 0, open: false },
    });
    servers.push(server);
    const [url] = server.resolvedUrls?.local ?? [];
    if (url === undefined) throw new Error("the page is not served");
    return url;
  };
  const [isolated, plain] = [await served(configFile), await served(false)];
  const browser = await startChromium();
  return {
    browser,
    isolated,
    plain,
    close: async () => {
      await browser[Symbol.asyncDispose]();
      for (const server of servers) await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

/** Calls a function of in-browser.ts in a page. */
export const call = (page: Page, name: string, ...values: unknown[]): Promise<unknown> =>
  page.evaluate(`import("./in-browser.js").then((tests) => tests.${name}(...${JSON.stringify(values)}))`);
