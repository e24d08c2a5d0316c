/** A strict reader of the XML the reports are written in, so that tests need no browser. */

import { expect } from "vitest";

/** An element as the reader found it. */
export interface ParsedElement {
  name: string;
  attributes: Record<string, string>;
  children: (ParsedElement | string)[];
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

function unescapeText(text: string): string {
  expect(text).not.toMatch(/[<]/);
  return text.replace(/&([^;\s]*;?)/g, (whole, name: string) => {
    const value = entities[name.replace(/;$/, "")];
    if (!name.endsWith(";") || value === undefined) throw new Error(`not well-formed: ${whole.slice(0, 30)}`);
    return value;
  });
}

/** Parses one root element; throws where a tag is not closed, an attribute not quoted or repeated, or text not escaped. */
export function parseXml(document: string): ParsedElement {
  const root: ParsedElement = { name: "", attributes: {}, children: [] };
  const open = [root];
  const source = document.replace(/^<!doctype html>\n/, "").trim();
  const token = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  let at = 0;
  for (let match = token.exec(source); match; match = token.exec(source)) {
    at = token.lastIndex;
    const [, closing, name, attributeText, selfClosing, text] = match;
    if (text !== undefined) {
      open.at(-1)!.children.push(unescapeText(text));
    } else if (closing) {
      const started = open.pop();
      if (started?.name !== name) throw new Error(`not well-formed: </${name}> closes <${started?.name}>`);
    } else {
      const attributes: Record<string, string> = {};
      for (const [, key, value] of attributeText!.matchAll(/([\w:-]+)="([^"]*)"/g)) {
        if (key! in attributes) throw new Error(`not well-formed: <${name}> has ${key} twice`);
        attributes[key!] = unescapeText(value!);
      }
      const element: ParsedElement = { name: name!, attributes, children: [] };
      open.at(-1)!.children.push(element);
      if (!selfClosing) open.push(element);
    }
  }
  if (at !== source.length) throw new Error(`not well-formed at: ${source.slice(at, at + 60)}`);
  if (open.length !== 1 || root.children.length !== 1)
    throw new Error(`not well-formed: ${open.length - 1} elements left open`);
  return root.children[0] as ParsedElement;
}

/** All elements of a tree with this name, in document order. */
export function elementsNamed(root: ParsedElement, name: string): ParsedElement[] {
  const below = root.children.flatMap((child) => (typeof child === "string" ? [] : elementsNamed(child, name)));
  return root.name === name ? [root, ...below] : below;
}

/** The text of a tree. */
export function textOf(root: ParsedElement): string {
  return root.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("");
}

/** Fails when anything in the tree would make a browser fetch something. */
export function expectSelfContained(root: ParsedElement): void {
  const fetching = new Set(["src", "href", "srcset", "xlink:href", "action", "data", "poster", "background"]);
  const visit = (element: ParsedElement) => {
    expect(["script", "iframe", "link", "object", "embed"]).not.toContain(element.name);
    for (const [key, value] of Object.entries(element.attributes)) {
      if (fetching.has(key)) expect(value, `${element.name} ${key}`).toMatch(/^(data:image\/|#)/);
      if (key === "style") expect(value).not.toMatch(/url\(/);
      expect(key).not.toMatch(/^on/);
    }
    if (element.name === "style") expect(textOf(element)).not.toMatch(/@import|url\(/);
    for (const child of element.children) if (typeof child !== "string") visit(child);
  };
  visit(root);
}
