/** Builds well-formed SVG and XHTML: elements are values, and all strings are escaped. */

/** A piece of finished markup. */
export interface Markup {
  readonly markup: string;
}

/** Children of an element; strings and numbers become escaped text, empty values are omitted. */
export type Child = Markup | string | number | null | undefined | false | readonly Child[];

/** Attribute values; numbers are written with at most two decimals, empty values are omitted. */
export type Attributes = Record<string, string | number | null | undefined | false>;

/** HTML elements without an end tag; all others get one, which HTML and XML parsers treat alike. */
const voidElements = new Set(["br", "hr", "img", "meta"]);

// Characters that XML 1.0 does not allow, even escaped: control characters, lone surrogates, two non-characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const notInXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Escapes text for element content and quoted attributes; characters that XML does not allow become U+FFFD. */
export function escapeText(text: string): string {
  return text
    .replace(notInXml, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Marks text as finished markup, such as a chart; do not use it for untrusted text. */
export function trusted(markup: string): Markup {
  return { markup };
}

function attributeText(name: string, value: string | number): string {
  if (typeof value === "string") return escapeText(value);
  if (!Number.isFinite(value))
    throw new Error(`markup: attribute ${name} is ${value}; a drawing needs finite coordinates`);
  return String(Number(value.toFixed(2)));
}

function childText(child: Child): string {
  if (child === null || child === undefined || child === false) return "";
  if (typeof child === "object") return "markup" in child ? child.markup : child.map(childText).join("");
  return escapeText(String(child));
}

/** An element with its attributes and children. Throws if a numeric attribute is not finite. */
export function element(name: string, attributes: Attributes = {}, ...children: Child[]): Markup {
  let head = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) head += ` ${key}="${attributeText(key, value)}"`;
  }
  if (voidElements.has(name)) return { markup: `<${head} />` };
  return { markup: `<${head}>${childText(children)}</${name}>` };
}

/** Concatenates several pieces. */
export function fragment(...children: Child[]): Markup {
  return { markup: childText(children) };
}
