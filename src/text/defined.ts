/** Removes the properties of an object that are undefined. */

type Defined<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * Returns a new object with the properties that are not undefined. It is needed where an absent property differs from an undefined one: the
 * object is merged over others, its keys are listed, or code outside of this package tests for a key.
 */
export const defined = <T extends object>(given: T): Defined<T> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
