/** Generated scenes: laid out from a seed, rendered to pixels, with the facts of what is in them. */
export { type Camera, layOutScene, reach, type SceneLayout, type SceneOptions, type Vector } from "./layout.js";
export { generateScene, renderScene, splitSeed } from "./render.js";
export { type Colour, colours, type Scene, type SceneObject, type Shape, shapes } from "./types.js";
