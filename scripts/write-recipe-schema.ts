/**
 * Writes assets/recipe.schema.json, the JSON schema of a recipe. Types, choices and defaults come from the zod schema,
 * descriptions from the comments on its settings, which editors also show. Each setting is therefore described in one
 * place.
 *
 * usage: npx jiti scripts/write-recipe-schema.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { z } from "zod";
import { recipeSchema } from "../src/train/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));

type Descriptions = Map<string, string>;

const isObject = (type: ts.Type): boolean =>
  (type.flags & ts.TypeFlags.Object) !== 0 && type.getCallSignatures().length === 0;

/** The comments on the settings of a type by their paths; settings of lists have the path of the list. */
function collect(checker: ts.TypeChecker, type: ts.Type, path: string, found: Descriptions, depth = 0): void {
  if (depth > 6) return;
  for (const one of type.isUnion() ? type.types : [type]) {
    const element = checker.isArrayType(one) ? checker.getTypeArguments(one as ts.TypeReference)[0] : undefined;
    if (element) collect(checker, element, path, found, depth + 1);
    if (element || !isObject(one)) continue;
    // A variant of a union is identified by its name.
    const tag = one.getProperty("name");
    const tagType = tag && checker.getTypeOfSymbol(tag);
    const variant = tagType?.isStringLiteral() ? `${path}[${tagType.value}]` : path;
    for (const property of checker.getPropertiesOfType(one)) {
      const text = ts.displayPartsToString(property.getDocumentationComment(checker)).replace(/\s+/g, " ").trim();
      for (const base of new Set([path, variant])) {
        const key = base === "" ? property.name : `${base}.${property.name}`;
        if (text !== "" && !found.has(key)) found.set(key, text);
      }
      const inner = path === "" ? property.name : `${path}.${property.name}`;
      collect(checker, checker.getTypeOfSymbol(property), inner, found, depth + 1);
    }
  }
}

/** The comments on the settings of a recipe, by their paths. */
function descriptions(): Descriptions {
  const file = `${root}src/train/recipe/recipe.ts`;
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
  const program = ts.createProgram([file], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  const input = symbol && checker.getExportsOfModule(symbol).find(({ name }) => name === "RecipeInput");
  if (!input) throw new Error(`${file} exports no type RecipeInput`);
  const found: Descriptions = new Map();
  collect(checker, checker.getDeclaredTypeOfSymbol(input), "", found);
  return found;
}

interface JsonSchema {
  description?: string;
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  [more: string]: unknown;
}

/** Puts the descriptions into a JSON schema. */
function describe(schema: JsonSchema, path: string, found: Descriptions): void {
  for (const one of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) describe(one, path, found);
  if (schema.items) describe(schema.items, path, found);
  const name = schema.properties?.["name"]?.const;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const inner = path === "" ? key : `${path}.${key}`;
    const text = found.get(`${path}[${name}].${key}`) ?? found.get(inner);
    describe(property, inner, found);
    if (text !== undefined) property.description = text;
  }
}

/** The JSON schema as text. */
export function recipeJsonSchema(): string {
  const schema = z.toJSONSchema(recipeSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  describe(schema, "", descriptions());
  return `${JSON.stringify({ title: "Recipe of a training run", ...schema }, undefined, 1)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(`${root}assets/recipe.schema.json`, recipeJsonSchema());
}
