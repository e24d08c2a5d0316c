/**
 * Checks the links of a built site.
 *
 * usage: node scripts/docs/links.mjs FOLDER      prints every broken link, exits 1 when there is one
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { filesBelow, runAsCommand } from "../check.mjs";

const attributes = (html, name) =>
  [...html.matchAll(new RegExp(`<[a-z][^>]*?\\s${name}="([^"]*)"`, "gi"))].map(([, value]) =>
    value.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<"),
  );

/**
 * The broken links of a folder of HTML pages, as `PAGE: TARGET (why)`: targets that are no file of the folder, and anchors
 * that no element of their page has as its id. Addresses of other sites are not checked.
 */
export function brokenLinks(folder) {
  const read = new Map();
  const page = (file) => {
    if (!read.has(file)) {
      const html = readFileSync(file, "utf8").replace(/<script\b[^>]*>.*?<\/script>/gs, "");
      read.set(file, { html, ids: new Set(attributes(html, "id")) });
    }
    return read.get(file);
  };
  const broken = [];
  for (const file of filesBelow(folder, /\.html$/)) {
    const { html } = page(file);
    for (const target of new Set([...attributes(html, "href"), ...attributes(html, "src")])) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      const [path, anchor] = target.split("#").map(decodeURIComponent);
      const to = path === "" ? file : resolve(dirname(file), path.split("?")[0]);
      const from = relative(folder, file);
      if (relative(folder, to).startsWith("..")) broken.push(`${from}: ${target} (outside of the site)`);
      else if (!existsSync(to) || !statSync(to).isFile()) broken.push(`${from}: ${target} (no such file)`);
      else if (anchor && to.endsWith(".html") && !page(to).ids.has(anchor))
        broken.push(`${from}: ${target} (no such anchor)`);
    }
  }
  return broken;
}

runAsCommand(import.meta.url, brokenLinks);
