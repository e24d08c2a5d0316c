/** Looks up parts of a recipe's schema by path: the keys of an object, the schema of a leaf, and the allowed names. */
import { z } from "zod";

type Schema = z.core.$ZodType;

/** Unwraps defaults and optionality, down to an object, a union or a leaf. */
function bare(schema: Schema): Schema {
  let current = schema;
  for (;;) {
    if (current instanceof z.ZodDefault || current instanceof z.ZodPrefault || current instanceof z.ZodOptional) {
      current = current.def.innerType;
    } else {
      return current;
    }
  }
}

/**
 * The object schemas that a value may have to match: an object's own, the one that `name` selects from a table, or all
 * of the table without a name.
 */
function objectsOf(schema: Schema, value: unknown): z.ZodObject[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) return [inner];
  if (!(inner instanceof z.ZodDiscriminatedUnion)) {
    // One object or a list of objects.
    return inner instanceof z.ZodUnion && !Array.isArray(value)
      ? inner.options.map(bare).filter((option) => option instanceof z.ZodObject)
      : [];
  }
  const options = inner.options.map(bare).filter((option) => option instanceof z.ZodObject);
  const key = inner.def.discriminator;
  const given = (value as Record<string, unknown> | null | undefined)?.[key];
  const selected = options.filter((option) => {
    const tag = option.shape[key];
    return tag instanceof z.ZodLiteral && tag.values.has(given as string);
  });
  return selected.length > 0 ? selected : options;
}

/** The schemas of a list's elements, if the value may be a list of objects. */
function elementsOf(schema: Schema): Schema[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodArray) return [inner.element];
  return inner instanceof z.ZodUnion ? inner.options.flatMap((option) => elementsOf(option)) : [];
}

function entryOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function selectsVariant(schema: Schema, key: string): boolean {
  const inner = bare(schema);
  return inner instanceof z.ZodDiscriminatedUnion && inner.def.discriminator === key;
}

/** Every schema that may apply at a path of a value. */
export function schemasAt(schema: Schema, path: readonly string[], value: unknown): Schema[] {
  let schemas: Schema[] = [schema];
  let current = value;
  for (const key of path) {
    const inList = Array.isArray(current) && /^\d+$/.test(key);
    schemas = schemas.flatMap((one) =>
      inList
        ? elementsOf(one)
        : // The name that selects a variant may be that of any variant.
          objectsOf(one, selectsVariant(one, key) ? undefined : current).flatMap((object) =>
            Object.hasOwn(object.shape, key) ? [object.shape[key] as Schema] : [],
          ),
    );
    current = entryOf(current, key);
  }
  return schemas;
}

/** The allowed keys of the object at a path of a value. */
export function keysAt(schema: Schema, path: readonly string[], value: unknown): string[] {
  const objects = schemasAt(schema, path, value).flatMap((one) =>
    objectsOf(
      one,
      path.reduce<unknown>((at, key) => entryOf(at, key), value),
    ),
  );
  return [...new Set(objects.flatMap((object) => Object.keys(object.shape)))];
}

/** All dotted paths below a schema that end in a value, for every object of a table. */
export function leafPaths(schema: Schema, prefix = ""): string[] {
  const objects = objectsOf(schema, undefined);
  if (objects.length === 0) return [prefix];
  const paths = objects.flatMap((object) =>
    Object.entries(object.shape).flatMap(([key, entry]) =>
      leafPaths(entry as Schema, prefix === "" ? key : `${prefix}.${key}`),
    ),
  );
  return [...new Set(paths)];
}

/** Whether this is the schema of a duration, whose units exclude each other. */
export function isDuration(schema: Schema): boolean {
  const inner = bare(schema);
  return inner instanceof z.ZodObject && inner.meta()?.["duration"] === true;
}
