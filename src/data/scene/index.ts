/** Generated scenes: laid out from a seed, rendered to pixels, with the facts of what is in them. */
export { layOutScene, type SceneLayout, type SceneOptions } from "./layout.js";
export { generateScene, renderScene } from "./render.js";
export * from "./types.js";
