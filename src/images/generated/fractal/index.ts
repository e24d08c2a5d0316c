/** Fractals by iterated function systems: search for categories, their instances, and rendering. */
export { categoryName, type NamedSystem, readCategories, writeCategories } from "./categories-file.js";
export { defaultWeightStep, type FractalInstance, fractalInstance, instanceRandoms, weightings } from "./instances.js";
export { type Flip, type FractalRandoms, type FractalStyle, flips, renderFractal } from "./render.js";
export { categorySystem, defaultFillRate, type FoundCategory, fillRate, findCategory, mostFillRate } from "./search.js";
export { type CategorySearch, searchCategories } from "./search-categories.js";
export { areaProbabilities, chaosGame, createOrbit, drawSystem, type FractalSystem, weighted } from "./system.js";
